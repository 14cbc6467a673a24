//! What may stand as a field of a parameter block: a value of a known type, or another block.

use std::ops::RangeInclusive;

use super::{Given, ParameterError, Parameters, Spec};

/// The values allowed; `None`: all of the type.
pub type Range<T> = Option<RangeInclusive<T>>;

/// A field of a parameter block.
pub trait Field: Sized {
    /// Describes the field (or, of a block, every field in it).
    fn declare(name: &str, default: &Self, range: Range<Self>, help: &'static str, out: &mut Vec<Spec>);
    /// Reads the field and takes it out of `given`.
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] when the value cannot be read or is out of range.
    fn read(
        name: &str,
        default: &Self,
        range: Range<Self>,
        given: &mut Given,
    ) -> Result<Self, ParameterError>;
    /// Name and value, as typed.
    fn show(&self, name: &str, out: &mut Vec<(String, String)>);
}

impl<P: Parameters> Field for P {
    fn declare(name: &str, default: &Self, _: Range<Self>, _: &'static str, out: &mut Vec<Spec>) {
        <P as Parameters>::declare(&format!("{name}."), default, out);
    }
    fn read(name: &str, default: &Self, _: Range<Self>, given: &mut Given) -> Result<Self, ParameterError> {
        <P as Parameters>::read(&format!("{name}."), default, given)
    }
    fn show(&self, name: &str, out: &mut Vec<(String, String)>) {
        Parameters::show(self, &format!("{name}."), out);
    }
}
