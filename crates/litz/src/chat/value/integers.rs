//! Python's whole numbers, of any size that a chat has a use for.

use std::cmp::Ordering;
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::Value;

/// Larger results are refused. Python prints none of more than `MAX_DIGITS` decimal digits, which are 14,285 bits.
const MAX_BITS: u64 = 1 << 16;
pub(crate) const MAX_DIGITS: usize = 4300;

/// The value of a number that was computed.
pub(crate) fn value(n: BigInt, budget: &Budget) -> Outcome<Value> {
    if let Ok(small) = i128::try_from(&n) {
        return Ok(Value::Int(small));
    }
    if n.bits() > MAX_BITS {
        return fail(format!(
            "a whole number of more than {MAX_BITS} bits is not supported in chat templates"
        ));
    }
    budget.allocate(64 + n.bits() as usize / 8)?;
    Ok(Value::Big(Arc::new(n)))
}

/// `a op b` for `+ - * // % **`; `**` needs an exponent of at least zero, `//` and `%` a divisor that is not zero.
pub(crate) fn arithmetic(op: &str, a: &BigInt, b: &BigInt, budget: &Budget) -> Outcome<Value> {
    let words = |n: &BigInt| n.bits() as usize / 64 + 1;
    budget.step(words(a).saturating_mul(words(b)) / 16)?;
    value(
        match op {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "//" => floor_divide(a, b).0,
            "%" => floor_divide(a, b).1,
            _ => return power(a, b, budget),
        },
        budget,
    )
}

/// The quotient rounded down, and the rest, which has the divisor's sign.
fn floor_divide(a: &BigInt, b: &BigInt) -> (BigInt, BigInt) {
    let (quotient, rest) = (a / b, a % b);
    if rest.sign() != Sign::NoSign && rest.sign() != b.sign() {
        (quotient - 1, rest + b)
    } else {
        (quotient, rest)
    }
}

fn power(a: &BigInt, b: &BigInt, budget: &Budget) -> Outcome<Value> {
    let even = !b.bit(0);
    if b.sign() == Sign::NoSign || *a == BigInt::from(1) || (*a == BigInt::from(-1) && even) {
        return Ok(Value::Int(1));
    }
    if a.sign() == Sign::NoSign || *a == BigInt::from(-1) {
        return value(a.clone(), budget);
    }
    let exponent = u32::try_from(b).ok().filter(|&b| (a.bits() - 1).saturating_mul(b.into()) <= MAX_BITS);
    let Some(exponent) = exponent else {
        return fail(format!("the result of ** has more than {MAX_BITS} bits; chat templates may not"));
    };
    let words = (a.bits() * u64::from(exponent) / 64 + 1) as usize;
    budget.step(words * words / 16)?;
    value(a.pow(exponent), budget)
}

/// `a / b` of whole numbers, correctly rounded; `None` where the result is too large.
pub(crate) fn quotient(a: &BigInt, b: &BigInt) -> Option<f64> {
    let negative = (a.sign() == Sign::Minus) != (b.sign() == Sign::Minus);
    let (a, b) = (a.magnitude(), b.magnitude());
    // As many bits as rounding can tell apart, but none below a quarter of the smallest float.
    let shift = (66 - (a.bits() as i64 - b.bits() as i64)).min(1076);
    let (a, b) = if shift >= 0 { (a << shift, b.clone()) } else { (a.clone(), b << -shift) };
    let mut quotient = &a / &b;
    if &quotient * &b != a {
        quotient.set_bit(0, true); // what is cut off can no longer lie in the middle
    }
    let size = if shift == 1076 && quotient.bits() <= 54 {
        let units = u64::try_from(&quotient).unwrap_or(0);
        (units as f64 / 4.0).round_ties_even() * 2f64.powi(-537) * 2f64.powi(-537)
    } else {
        let half = -(shift as i32) / 2;
        float(&quotient)? * 2f64.powi(half) * 2f64.powi(-(shift as i32) - half)
    };
    size.is_finite().then_some(if negative { -size } else { size })
}

/// The nearest float; `None` where there is none.
pub(crate) fn nearest_float(n: &BigInt) -> Option<f64> {
    let size = float(n.magnitude())?;
    Some(if n.sign() == Sign::Minus { -size } else { size })
}

fn float(n: &BigUint) -> Option<f64> {
    let shift = n.bits().saturating_sub(64);
    let mut top = u64::try_from(n >> shift).unwrap_or(u64::MAX);
    top |= u64::from(n.trailing_zeros().is_some_and(|zeros| zeros < shift));
    let size = if shift > 960 { f64::INFINITY } else { top as f64 * 2f64.powi(shift as i32) };
    size.is_finite().then_some(size)
}

/// A finite float without its fraction.
pub(crate) fn truncated(x: f64) -> BigInt {
    let bits = x.abs().to_bits();
    let exponent = (bits >> 52) as i64 - 1075;
    let mantissa = BigInt::from(bits & ((1 << 52) - 1) | 1 << 52);
    let size = match exponent {
        _ if x.abs() < 1.0 => BigInt::from(0),
        0.. => mantissa << exponent,
        _ => mantissa >> -exponent,
    };
    if x < 0.0 {
        -size
    } else {
        size
    }
}

/// How a whole number compares with a float; `None` with NaN.
pub(crate) fn compare_float(n: &BigInt, x: f64) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    if x.is_infinite() {
        return Some(if x > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = truncated(x);
    Some(n.cmp(&whole).then_with(|| 0.0.partial_cmp(&x.fract()).unwrap_or(Ordering::Equal)))
}

/// The decimal digits of a size; Python refuses long ones, too.
pub(crate) fn decimal(n: &BigInt, budget: &Budget) -> Outcome<String> {
    if n.bits() > 14_285 {
        return too_long();
    }
    budget.step(n.bits() as usize / 16)?;
    let digits = n.magnitude().to_string();
    if digits.len() > MAX_DIGITS {
        return too_long();
    }
    Ok(digits)
}

fn too_long<T>() -> Outcome<T> {
    fail(format!("Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion"))
}

/// The number that digits spell; `None` if there is none, or too many digits.
pub(crate) fn parsed(digits: &str, radix: u32) -> Option<BigInt> {
    let fits = radix.is_power_of_two() || digits.len() <= MAX_DIGITS;
    if !fits || digits.len() as u64 > MAX_BITS || digits.is_empty() {
        return None;
    }
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix)
}

/// `round(n, -digits)`: to a multiple of a power of ten, ties to the even one.
pub(crate) fn rounded(n: &BigInt, digits: u32) -> BigInt {
    if u64::from(digits) * 3 > n.bits() + 3 {
        return BigInt::from(0);
    }
    let unit = BigInt::from(10).pow(digits);
    let (quotient, rest) = floor_divide(n, &unit);
    let up = match (rest * 2u32).cmp(&unit) {
        Ordering::Less => false,
        Ordering::Equal => quotient.bit(0),
        Ordering::Greater => true,
    };
    (quotient + i32::from(up)) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_taken_apart_exactly() {
        for x in [0.5, -0.5, 1.0, -1.5, 4503599627370497.5, 1e22, -1e300, 5e-324] {
            assert_eq!(nearest_float(&truncated(x)), Some(x.trunc()), "{x}");
        }
        assert_eq!(nearest_float(&(BigInt::from(1) << 1024)), None);
    }

    #[test]
    fn quotients_are_rounded_once() {
        let big = BigInt::from(1) << 1000;
        assert_eq!(quotient(&(&big * 3), &(&big * 2)), Some(1.5));
        assert_eq!(quotient(&BigInt::from(1), &(BigInt::from(1) << 1074)), Some(5e-324));
        assert_eq!(quotient(&BigInt::from(1), &(BigInt::from(1) << 1075)), Some(0.0));
        assert_eq!(quotient(&BigInt::from(3), &(BigInt::from(1) << 1076)), Some(5e-324));
        assert_eq!(quotient(&big, &BigInt::from(-1)), Some(-(2f64.powi(1000))));
        assert_eq!(quotient(&(BigInt::from(1) << 2000), &BigInt::from(1)), None);
    }

    #[test]
    fn comparisons_with_floats_are_exact() {
        let n = BigInt::from((1i64 << 53) + 1);
        assert_eq!(compare_float(&n, 9007199254740992.0), Some(Ordering::Greater));
        assert_eq!(compare_float(&BigInt::from(1), 1.5), Some(Ordering::Less));
        assert_eq!(compare_float(&BigInt::from(-1), -1.5), Some(Ordering::Greater));
        assert_eq!(compare_float(&n, f64::NAN), None);
    }
}
