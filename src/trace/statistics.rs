//! A few numbers that stand for many.

/// Smallest, middle, nearly largest and largest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The smallest.
    pub min: f64,
    /// The [`quantile`] 0.5.
    pub median: f64,
    /// The [`quantile`] 0.99.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// The statistics of some values, in their unit; `None` when there are none.
pub fn statistics(values: &[f64]) -> Option<Statistics> {
    let of = |q| quantile(values, q);
    Some(Statistics { min: of(0.0)?, median: of(0.5)?, p99: of(0.99)?, max: of(1.0)? })
}

/// The quantile `q` (from 0 to 1) by nearest rank: the smallest value such that at least the share `q` of all values
/// is not above it. It is always one of the values, never between two. `None` when there are none.
///
/// # Panics
/// If `q` is not between 0 and 1.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&q), "a quantile is between 0 and 1, not {q}");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Rank ceil(q * n), counted from 1; the smallest value for q = 0. Counts stay far below 2^52, so this is exact but
    // for the product itself: 0.99 * 100 must not become 99.00000000000001.
    let rank = (q * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_values_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let s = statistics(&hundred).unwrap();
        assert_eq!(s, Statistics { min: 1.0, median: 50.0, p99: 99.0, max: 100.0 });
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), Some(1.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.51), Some(2.0));
        assert_eq!(statistics(&[]), None);
    }

    #[test]
    #[should_panic(expected = "a quantile is between 0 and 1")]
    fn a_percentage_is_not_a_quantile() {
        quantile(&[1.0], 99.0);
    }

    proptest! {
        #[test]
        fn at_least_the_share_q_is_not_above_the_quantile(
            values in proptest::collection::vec(-1e6f64..1e6, 1..200), q in 0.0f64..=1.0
        ) {
            let v = quantile(&values, q).unwrap();
            let not_above = values.iter().filter(|x| **x <= v).count() as f64;
            let below = values.iter().filter(|x| **x < v).count() as f64;
            prop_assert!(not_above >= q * values.len() as f64 - 1e-6);
            prop_assert!(below == 0.0 || below < q * values.len() as f64);
        }
    }
}
