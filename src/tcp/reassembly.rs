//! What has arrived: in order, to be read; beyond a gap, to be told of (RFC 9293 section 3.10.7.4, RFC 2018, RFC 2883).

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::seq::{after, before, distance, earliest, latest};
use crate::packet::SackBlocks;

/// How many stretches beyond gaps are remembered (Linux's `selective_acks`).
const MOST_BLOCKS: usize = 4;

/// The receiver's queues.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// In order, not read yet.
    ready: VecDeque<Bytes>,
    unread: usize,
    /// Beyond a gap, in order of their sequence numbers, without overlaps.
    beyond: VecDeque<(u32, Bytes)>,
    /// The stretches beyond gaps, the one that changed last first.
    blocks: Vec<(u32, u32)>,
    /// The number after a FIN that lies beyond a gap: a block that reaches it includes it.
    fin_end: Option<u32>,
    /// What arrived although it was there before, to be told once (RFC 2883).
    pub duplicate: Option<(u32, u32)>,
}

impl Reassembly {
    /// Bytes that can be read.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// Whether something lies beyond a gap.
    pub fn has_gap(&self) -> bool {
        !self.beyond.is_empty()
    }

    /// Bytes beyond a gap.
    pub fn beyond_len(&self) -> usize {
        self.beyond.iter().map(|(_, data)| data.len()).sum()
    }

    /// Takes what comes next.
    pub fn push(&mut self, data: Bytes) {
        self.unread += data.len();
        self.ready.push_back(data);
    }

    /// Reads.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buffer.len() {
            let Some(front) = self.ready.front_mut() else { break };
            let n = front.len().min(buffer.len() - done);
            front.copy_to_slice(&mut buffer[done..done + n]);
            done += n;
            if front.is_empty() {
                self.ready.pop_front();
            }
        }
        if self.ready.is_empty() {
            // A connection that is idle holds no buffer.
            self.ready = VecDeque::new();
        }
        self.unread -= done;
        done
    }

    /// Takes what lies beyond a gap: at `seq`, which is after `next`. Returns whether any of it is new.
    pub fn insert(&mut self, seq: u32, data: Bytes) -> bool {
        let (mut from, mut data) = (seq, data);
        // A segment is shorter than 64 KiB.
        let end = seq.wrapping_add(data.len() as u32);
        let mut new = false;
        let mut i = self.beyond.partition_point(|(s, d)| !after(s.wrapping_add(d.len() as u32), from));
        while !data.is_empty() {
            let Some((at, there)) = self.beyond.get(i) else {
                self.beyond.push_back((from, data));
                new = true;
                break;
            };
            let (at, there_end) = (*at, at.wrapping_add(there.len() as u32));
            if before(from, at) {
                let free = earliest(at, end).wrapping_sub(from) as usize;
                self.beyond.insert(i, (from, data.split_to(free)));
                from = from.wrapping_add(free as u32);
                new = true;
            } else {
                let overlap = (earliest(there_end, end).wrapping_sub(from) as usize).min(data.len());
                data.advance(overlap);
                from = from.wrapping_add(overlap as u32);
            }
            i += 1;
        }
        if new {
            self.tell(seq, end);
        } else {
            self.duplicate = Some((seq, end));
            self.touch(seq, end);
        }
        new
    }

    /// How many of the `len` bytes at `seq` were not there before.
    pub fn missing(&self, seq: u32, len: usize) -> usize {
        let end = seq.wrapping_add(len as u32);
        let overlap = |(at, data): &(u32, Bytes)| {
            let there = at.wrapping_add(data.len() as u32);
            distance(latest(*at, seq), earliest(there, end)) as usize
        };
        len - self.beyond.iter().map(overlap).sum::<usize>()
    }

    /// The gap before `next` is filled: what follows it now is in order. Returns how far, and how many bytes were there
    /// twice. Of these the first stretch is to be told (RFC 2883 section 4; Linux's `tcp_ofo_queue()`).
    pub fn fill(&mut self, mut next: u32) -> (u32, usize) {
        let mut twice = 0;
        let arrived = next;
        while let Some((seq, data)) = self.beyond.front_mut() {
            if after(*seq, next) {
                break;
            }
            let end = seq.wrapping_add(data.len() as u32);
            twice += data.len().min(distance(*seq, next) as usize);
            if before(*seq, arrived) {
                let (from, until) = (*seq, earliest(end, arrived));
                self.duplicate = match self.duplicate {
                    Some((f, e)) if after(from, e) || after(f, until) => Some((f, e)),
                    Some((f, e)) => Some((earliest(f, from), latest(e, until))),
                    None => Some((from, until)),
                };
            }
            if after(end, next) {
                data.advance(next.wrapping_sub(*seq) as usize);
                next = end;
                let data = std::mem::take(data);
                self.push(data);
            }
            self.beyond.pop_front();
        }
        self.blocks.retain(|(_, end)| after(*end, next));
        (next, twice)
    }

    /// Throws away what lies beyond gaps, told of or not (RFC 2018 section 8 allows it). Returns how much.
    pub fn throw_beyond(&mut self) -> usize {
        let len = self.beyond_len();
        self.beyond.clear();
        self.blocks.clear();
        len
    }

    /// A stretch is there: the blocks that it touches become one, the most recent (RFC 2018 section 4).
    fn tell(&mut self, from: u32, end: u32) {
        let (mut from, mut end) = (from, end);
        self.blocks.retain(|(f, e)| {
            let touches = !after(*f, end) && !before(*e, from);
            if touches {
                from = earliest(from, *f);
                end = latest(end, *e);
            }
            !touches
        });
        self.blocks.insert(0, (from, end));
        self.blocks.truncate(MOST_BLOCKS);
    }

    /// The block that holds a stretch is the most recent.
    fn touch(&mut self, from: u32, end: u32) {
        if let Some(i) = self.blocks.iter().position(|(f, e)| !before(from, *f) && !after(end, *e)) {
            self.blocks[..=i].rotate_right(1);
        }
    }

    /// The highest number that was told of.
    pub fn highest_block(&self) -> Option<u32> {
        self.blocks.iter().map(|(_, end)| *end).reduce(latest)
    }

    /// The peer's FIN lies beyond a gap; `end` is the number after it.
    pub fn fin_at(&mut self, end: u32) {
        self.fin_end = Some(end);
    }

    /// The peer says no more: there is nothing left to tell of (Linux's `tcp_sack_reset()`).
    pub fn forget_blocks(&mut self) {
        self.blocks.clear();
        self.duplicate = None;
    }

    /// How many stretches there are to tell of, a duplicate included.
    pub fn block_count(&self) -> usize {
        self.blocks.len() + usize::from(self.duplicate.is_some())
    }

    /// What an acknowledgement tells: at most `room` blocks, a duplicate first, and only once.
    pub fn sack(&mut self, room: usize) -> SackBlocks {
        let with_fin = |(from, end): (u32, u32)| match self.fin_end {
            Some(fin) if end.wrapping_add(1) == fin => (from, fin),
            _ => (from, end),
        };
        let blocks = self.blocks.iter().copied().map(with_fin);
        self.duplicate.take().into_iter().chain(blocks).take(room).collect()
    }

    /// Drops everything that was not read. Returns how much could have been read.
    pub fn clear(&mut self) -> usize {
        let unread = self.unread;
        *self = Self::default();
        unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(r: &mut Reassembly) -> Vec<(u32, u32)> {
        r.sack(4).to_vec()
    }

    #[test]
    fn the_block_that_changed_last_is_told_first_and_a_duplicate_before_it() {
        let mut r = Reassembly::default();
        assert!(r.insert(10, Bytes::from_static(b"0123456789")));
        assert!(r.insert(40, Bytes::from_static(b"01234")));
        assert_eq!(told(&mut r), [(40, 45), (10, 20)]);
        assert!(r.insert(20, Bytes::from_static(b"01234")));
        assert_eq!(told(&mut r), [(10, 25), (40, 45)]);
        assert!(!r.insert(41, Bytes::from_static(b"12")));
        assert_eq!(told(&mut r), [(41, 43), (40, 45), (10, 25)]);
        assert_eq!(told(&mut r), [(40, 45), (10, 25)], "a duplicate is told once");
    }

    proptest! {
        #[test]
        fn segments_in_any_order_and_any_overlap_come_out_as_the_stream(
            start: u32, mut cuts in proptest::collection::vec((0usize..300, 1usize..80), 1..60)
        ) {
            let stream: Vec<u8> = (0..400usize).map(|i| (i * 31 % 251) as u8).collect();
            // All of it at last, so that no gap remains.
            cuts.extend((0..400).step_by(50).map(|from| (from, 50)));
            let mut r = Reassembly::default();
            let mut next = start;
            let mut held = 0;
            for (from, len) in cuts {
                let seq = start.wrapping_add(from as u32);
                let data = Bytes::copy_from_slice(&stream[from..(from + len).min(400)]);
                let end = seq.wrapping_add(data.len() as u32);
                if !after(end, next) {
                    continue;
                }
                if after(seq, next) {
                    held += r.missing(seq, data.len());
                    r.insert(seq, data);
                } else {
                    held += end.wrapping_sub(next) as usize;
                    r.push(data.slice(next.wrapping_sub(seq) as usize..));
                    let (filled, twice) = r.fill(end);
                    next = filled;
                    held -= twice;
                }
            }
            prop_assert_eq!(next, start.wrapping_add(400));
            let mut out = vec![0; 500];
            let n = r.read(&mut out);
            prop_assert_eq!(&out[..n], &stream[..]);
            prop_assert_eq!(held, n, "what is booked is what is read");
            prop_assert!(!r.has_gap() && told(&mut r).iter().all(|(_, end)| !after(*end, next)));
        }
    }
}
