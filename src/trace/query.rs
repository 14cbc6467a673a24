//! stub
//! Matches.
/// x
pub struct After;
/// x
pub struct Match;
