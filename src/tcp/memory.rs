//! placeholder
use std::time::Duration;
#[derive(Debug)]
pub(super) struct SendMemory {
    max: u64,
    used: u64,
}
impl SendMemory {
    pub fn new(max: u64, fixed: Option<u64>) -> Self {
        Self { max: fixed.unwrap_or(max), used: 0 }
    }
    pub fn set_fixed(&mut self, fixed: Option<u64>) {
        if let Some(f) = fixed {
            self.max = f
        }
    }
    pub fn established(&mut self, _mss: u32, _cwnd: u32) {}
    pub fn write(&mut self, len: usize, _tail: bool, _goal: usize) -> usize {
        let n = (len as u64).min(self.max.min(300_000).saturating_sub(self.used)) as usize;
        self.used += n as u64;
        n
    }
    pub fn acknowledged(&mut self, bytes: u64, _mss: u32, _cwnd: u32) {
        self.used = self.used.saturating_sub(bytes)
    }
    pub fn is_writable(&self) -> bool {
        self.used < self.max.min(300_000) * 2 / 3
    }
}
#[derive(Debug)]
pub(super) struct ReceiveMemory {
    max: u64,
    used: u64,
}
impl ReceiveMemory {
    pub fn new(max: u64, fixed: Option<u64>) -> Self {
        Self { max: fixed.unwrap_or(max), used: 0 }
    }
    pub fn set_fixed(&mut self, fixed: Option<u64>) {
        if let Some(f) = fixed {
            self.max = f
        }
    }
    pub fn initial_window(&mut self, _mss: u32) -> (u32, u8) {
        (64240.min(self.max as u32), 10)
    }
    pub fn established(&mut self, _now: Duration, _mss: u32) {}
    pub fn arrived(&mut self, _now: Duration, _len: usize, _in_order: bool) -> bool {
        true
    }
    pub fn copied(&mut self, _now: Duration, _len: usize, _rtt: Option<Duration>) {}
    pub fn clamp(&self) -> u32 {
        self.max.min(400_000) as u32
    }
    pub fn window(&mut self, unread: usize, open: u32, mss: u32, scale: u8) -> u32 {
        let free = (self.max.min(1 << 20) as u32).saturating_sub(unread as u32);
        let free = if free < mss { 0 } else { free };
        free.max(open).next_multiple_of(1 << scale)
    }
}
