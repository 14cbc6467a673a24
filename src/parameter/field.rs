//! What may stand as a field of a parameter block: a value of a known type, a list of them, or another block.

use std::ops::RangeInclusive;

use super::value::{Value, valid_values};
use super::{Given, ParameterError, Parameters, Scalar, Spec, Unit};

/// The values allowed for a field (of a list: for each of its values); `None`: all of the type.
pub type Range<T> = Option<RangeInclusive<<T as Field>::Bound>>;

/// A field of a parameter block.
pub trait Field: Sized {
    /// What the bounds of its range are given as: of a list, a value of it.
    type Bound;
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
    type Bound = P;
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

impl<T: Scalar + 'static> Field for Vec<T> {
    type Bound = T;
    fn declare(name: &str, default: &Self, range: Range<Self>, help: &'static str, out: &mut Vec<Spec>) {
        out.push(list_spec(name, default, range, help));
    }
    fn read(
        name: &str,
        default: &Self,
        range: Range<Self>,
        given: &mut Given,
    ) -> Result<Self, ParameterError> {
        let Some(text) = given.remove(name) else {
            return Ok(default.clone());
        };
        let spec = list_spec(name, default, range, "");
        let value = spec.value(&text)?;
        super::value::items(&value.text).map(|item| parsed(&spec, &text, item)).collect()
    }
    fn show(&self, name: &str, out: &mut Vec<(String, String)>) {
        out.push((name.to_owned(), shown(self)));
    }
}

fn shown<T: Scalar>(values: &[T]) -> String {
    values.iter().map(Scalar::show).collect::<Vec<_>>().join(",")
}

fn list_spec<T: Scalar + 'static>(
    name: &str,
    default: &[T],
    range: Option<RangeInclusive<T>>,
    help: &'static str,
) -> Spec {
    let of = const { &T::UNIT };
    Spec {
        unit: Unit::List(of),
        default: Value { text: shown(default), position: None },
        ..scalar_spec::<T>(name, None, range, help)
    }
}

/// Describes a field of one value; `None`: without a default.
pub(super) fn scalar_spec<T: Scalar>(
    name: &str,
    default: Option<&T>,
    range: Option<RangeInclusive<T>>,
    help: &'static str,
) -> Spec {
    let value = |value: &T| Value::of(T::UNIT, value.show());
    let range = range.or_else(T::limits);
    Spec {
        name: name.to_owned(),
        unit: T::UNIT,
        default: default.map_or_else(|| Value { text: String::new(), position: None }, value),
        min: range.as_ref().map(|r| value(r.start())),
        max: range.as_ref().map(|r| value(r.end())),
        choices: T::choices(),
        help,
    }
}

/// Reads a field of one value.
///
/// # Errors
/// [`ParameterError::Invalid`].
#[doc(hidden)]
pub fn read_scalar<T: Scalar>(
    name: &str,
    default: &T,
    range: Option<RangeInclusive<T>>,
    given: &mut Given,
) -> Result<T, ParameterError> {
    let Some(text) = given.remove(name) else {
        return Ok(default.clone());
    };
    let spec = scalar_spec(name, Some(default), range, "");
    let value = spec.value(&text)?;
    parsed(&spec, &text, &value.text)
}

/// Describes a field of one value.
#[doc(hidden)]
pub fn declare_scalar<T: Scalar>(
    name: &str,
    default: &T,
    range: Option<RangeInclusive<T>>,
    help: &'static str,
    out: &mut Vec<Spec>,
) {
    out.push(scalar_spec(name, Some(default), range, help));
}

/// A value that its declaration allows, as its type; types may be narrower than their unit.
fn parsed<T: Scalar>(spec: &Spec, given: &str, text: &str) -> Result<T, ParameterError> {
    T::parse(text).ok_or_else(|| {
        let valid = valid_values(&T::choices(), None, T::EXAMPLE);
        spec.invalid(given, format!("not a {}; valid: {valid}", T::UNIT))
    })
}

/// Makes a [`Scalar`](crate::parameter::Scalar) usable as a field of a parameter block.
#[doc(hidden)]
#[macro_export]
macro_rules! scalar_field {
    ($($ty:ty),*) => { $(
        impl $crate::parameter::Field for $ty {
            type Bound = Self;
            fn declare(
                name: &str,
                default: &Self,
                range: $crate::parameter::Range<Self>,
                help: &'static str,
                out: &mut Vec<$crate::parameter::Spec>,
            ) {
                $crate::parameter::declare_scalar(name, default, range, help, out);
            }
            fn read(
                name: &str,
                default: &Self,
                range: $crate::parameter::Range<Self>,
                given: &mut $crate::parameter::Given,
            ) -> Result<Self, $crate::parameter::ParameterError> {
                $crate::parameter::read_scalar(name, default, range, given)
            }
            fn show(&self, name: &str, out: &mut Vec<(String, String)>) {
                out.push((name.to_owned(), $crate::parameter::Scalar::show(self)));
            }
        }
    )* };
}
