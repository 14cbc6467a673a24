//! The `tracing` spans of a run: what a span says of itself, every event inside it says, too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata};
use tracing_core::span::Current;

use super::{Fields, Value};

/// The spans that are open. One thread drives a run, so that what it has entered is one stack.
#[derive(Debug, Default)]
pub(super) struct Spans(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The number of the span opened last; the first is 1.
    last: u64,
    /// By number; never gone through.
    open: FxHashMap<u64, Open>,
    /// The spans entered and not exited, the innermost last.
    entered: Vec<u64>,
}

#[derive(Debug)]
struct Open {
    metadata: &'static Metadata<'static>,
    /// How many handles there are to it.
    handles: usize,
    /// The fields of the spans around it, then its own.
    fields: Fields,
}

impl Spans {
    /// Opens a span.
    pub fn open(&self, attributes: &Attributes<'_>, own: Fields) -> Id {
        let mut state = self.lock();
        let mut fields: Fields = state.fields_around(attributes.is_contextual(), attributes.parent()).into();
        fields.extend(own);
        state.last += 1;
        let id = state.last;
        state.open.insert(id, Open { metadata: attributes.metadata(), handles: 1, fields });
        Id::from_u64(id)
    }

    /// The span says more of itself.
    pub fn record(&self, id: &Id, more: Fields) {
        if let Some(open) = self.lock().open.get_mut(&id.into_u64()) {
            open.fields.extend(more);
        }
    }

    /// From now on events are inside it.
    pub fn enter(&self, id: &Id) {
        self.lock().entered.push(id.into_u64());
    }

    /// From now on events are not inside it.
    pub fn exit(&self, id: &Id) {
        let mut state = self.lock();
        // Spans may be exited in another order than that in which they were entered.
        if let Some(at) = state.entered.iter().rposition(|entered| *entered == id.into_u64()) {
            state.entered.remove(at);
        }
    }

    /// There is one handle more.
    pub fn clone_handle(&self, id: &Id) {
        if let Some(open) = self.lock().open.get_mut(&id.into_u64()) {
            open.handles += 1;
        }
    }

    /// There is one handle less. Returns whether it was the last one, with which the span goes.
    pub fn drop_handle(&self, id: &Id) -> bool {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(&id.into_u64()) else {
            return false;
        };
        open.handles -= 1;
        let last = open.handles == 0;
        if last {
            state.open.remove(&id.into_u64());
        }
        last
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let state = self.lock();
        state.open.is_empty() && state.entered.is_empty()
    }

    /// The innermost span.
    pub fn current(&self) -> Current {
        let state = self.lock();
        let innermost = state.entered.last().and_then(|id| Some((*id, state.open.get(id)?)));
        match innermost {
            Some((id, open)) => Current::new(Id::from_u64(id), open.metadata),
            None => Current::none(),
        }
    }

    /// The fields of an event: those of the spans around it, then its own. Where both have a name, its own counts.
    pub fn with_own(&self, event: &Event<'_>, own: Fields) -> Fields {
        let state = self.lock();
        let around = state.fields_around(event.is_contextual(), event.parent());
        if around.is_empty() {
            return own;
        }
        let new = around.iter().filter(|(name, _)| own.iter().all(|(own, _)| own != name));
        let mut fields: Fields = new.cloned().collect();
        fields.extend(own);
        fields
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation leaves it half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is said around a span or event: by the span that it names as its parent, or else by the innermost.
    fn fields_around(&self, contextual: bool, parent: Option<&Id>) -> &[(&'static str, Value)] {
        let around = if contextual { self.entered.last().copied() } else { parent.map(Id::into_u64) };
        around.and_then(|id| self.open.get(&id)).map_or(&[], |open| &open.fields)
    }
}
