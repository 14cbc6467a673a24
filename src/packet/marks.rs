//! What a packet's headers do not tell of it: why it was sent.

/// Why a segment was sent, where its headers do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Sequence space that was sent before.
    pub retransmission: bool,
    /// A keepalive probe.
    pub keepalive: bool,
    /// A zero-window probe.
    pub window_probe: bool,
    /// A copy made by the link.
    pub duplicate: bool,
}

impl Marks {
    /// The names of the marks that are set: `retransmission`, `keepalive`, `window probe`, `duplicate`.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.retransmission, "retransmission"),
            (self.keepalive, "keepalive"),
            (self.window_probe, "window probe"),
            (self.duplicate, "duplicate"),
        ];
        all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
    }
}
