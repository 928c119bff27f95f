//! Identity and tax numbers of people.

use std::ops::Range;

use crate::check::{is_day, luhn, mod_11_10, number, part, weighted};
use crate::scan::Text;
use crate::template::read;

/// A Chinese resident identity number: province, day of birth and check digit (GB 11643-1999).
pub(crate) fn chinese(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    const WEIGHTS: [u8; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (range, taken) = read(text, at, "ddddddddddddddddd*")?;
    let (check, digits) = taken.values().split_last()?;
    let province = part(digits, 0, 2);
    let is_province = matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65)
        || matches!(province, 71 | 81..=83);
    let is_born = (1880..=2100).contains(&part(digits, 6, 4))
        && is_day(part(digits, 10, 2), part(digits, 12, 2));
    let expected = (12 - weighted(digits, &WEIGHTS) % 11) % 11;
    let is_right = match *check {
        b'X' => expected == 10,
        check => u32::from(check) == expected,
    };
    (is_province && is_born && is_right).then_some(range)
}

/// A country's number as it is written, and whether its digits and letters are right.
type Form = (&'static str, fn(&[u8]) -> bool);

/// Each as one piece and as people group it.
const FORMS: &[Form] = &[
    ("ddddddddddd", eleven_digits),
    ("dd ddd ddd ddd", german_tax_id),
    ("dd.dd.dd-ddd.dd", belgian),
    ("ddddddddL", spanish),
    ("dddddddd-L", spanish),
    ("dd.ddd.ddd-L", spanish),
    ("LdddddddL", spanish),
    ("L-ddddddd-L", spanish),
    ("d dd dd d* ddd ddd dd", french),
    ("dddddd*dddddddd", french),
    ("LLLLLL**L**L***L", italian),
    ("dddddd-dddd", swedish),
    ("dddddddd-dddd", swedish),
    ("dddddd-ddd*", finnish),
    ("ddddddAddd*", finnish),
    ("dddddd/dddd", czech),
    ("dddddddU", irish),
    ("dddddddUU", irish),
];

/// An identity or tax number of a country of the EU that has check digits enough to be known alone.
pub(crate) fn european(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    find(text, at, FORMS)
}

/// Numbers that are too like others to be known without their name before them.
const NAMED: &[(&str, Form)] = &[
    ("bsn", ("ddddddddd", dutch)),
    ("sofinummer", ("ddddddddd", dutch)),
    ("nif", ("ddddddddd", portuguese)),
    ("contribuinte", ("ddddddddd", portuguese)),
    ("cnp", ("ddddddddddddd", romanian)),
    ("oib", ("ddddddddddd", mod_11_10)),
    ("svnr", ("dddddddddd", austrian)),
    ("svnr", ("dddd dddddd", austrian)),
    ("cpr", ("dddddd-dddd", danish)),
    ("cpr", ("dddddddddd", danish)),
];

/// A number of which the name before it, in lower case, is known.
pub(crate) fn named(text: Text<'_>, at: usize, name: &[u8]) -> Option<Range<usize>> {
    NAMED
        .iter()
        .filter(|(known, _)| known.as_bytes() == name)
        .find_map(|(_, form)| find(text, at, std::slice::from_ref(form)))
}

fn find(text: Text<'_>, at: usize, forms: &[Form]) -> Option<Range<usize>> {
    forms.iter().find_map(|(template, is_right)| {
        let (range, taken) = read(text, at, template)?;
        is_right(taken.values()).then_some(range)
    })
}

fn eleven_digits(v: &[u8]) -> bool {
    german_tax_id(v) || polish(v) || belgian(v) || baltic(v)
}

/// Steuerliche Identifikationsnummer: one digit of the first ten is there twice or three times.
fn german_tax_id(v: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    for digit in v.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1);
    let is_form = repeated.clone().count() == 1 && repeated.into_iter().all(|count| *count < 4);
    v.first() != Some(&0) && is_form && mod_11_10(v)
}

/// PESEL: the century is in the month.
fn polish(v: &[u8]) -> bool {
    let check = (10 - weighted(v, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    is_day(part(v, 2, 2) % 20, part(v, 4, 2)) && u64::from(check) == part(v, 10, 1)
}

/// Rijksregisternummer; of those born since 2000 a 2 is put before it.
fn belgian(v: &[u8]) -> bool {
    let (number, check) = (part(v, 0, 9), part(v, 9, 2));
    let is_right = |n: u64| 97 - n % 97 == check;
    is_day(part(v, 2, 2), part(v, 4, 2)) && (is_right(number) || is_right(2_000_000_000 + number))
}

/// Isikukood and asmens kodas.
fn baltic(v: &[u8]) -> bool {
    let first = weighted(v, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(v, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = match (first, second) {
        (10, 10) => 0,
        (10, second) => second,
        (first, _) => first,
    };
    (1..=6).contains(&part(v, 0, 1))
        && is_day(part(v, 3, 2), part(v, 5, 2))
        && u64::from(check) == part(v, 10, 1)
}

/// DNI and NIE.
fn spanish(v: &[u8]) -> bool {
    let Some((letter, digits)) = v.split_last() else {
        return false;
    };
    let number = match digits.split_first() {
        Some((b'X', rest)) => number(rest),
        Some((b'Y', rest)) => 10_000_000 + number(rest),
        Some((b'Z', rest)) => 20_000_000 + number(rest),
        Some((0..=9, _)) => number(digits),
        Some(_) | None => return false,
    };
    letter_at(b"TRWAGMYFPDXBNJZSQVHLCKE", number % 23) == Some(*letter)
}

fn letter_at(letters: &[u8], place: u64) -> Option<u8> {
    letters.get(usize::try_from(place).ok()?).copied()
}

/// NIR; the two departments of Corsica have a letter.
fn french(v: &[u8]) -> bool {
    let Some((number, check)) = v.split_at_checked(13) else {
        return false;
    };
    let mut digits = [0_u8; 13];
    let mut corsica = 0;
    for (n, (slot, value)) in digits.iter_mut().zip(number).enumerate() {
        *slot = match (n, *value) {
            (_, digit @ 0..=9) => digit,
            (6, b'A') => {
                corsica = 1_000_000;
                0
            }
            (6, b'B') => {
                corsica = 2_000_000;
                0
            }
            _ => return false,
        };
    }
    let month = part(&digits, 3, 2);
    let is_form =
        matches!(part(&digits, 0, 1), 1..=4 | 7 | 8) && matches!(month, 1..=12 | 20..=42 | 50..=99);
    let whole = part(&digits, 0, 13).saturating_sub(corsica);
    is_form && check.len() == 2 && 97 - whole % 97 == part(check, 0, 2)
}

/// Codice fiscale; a digit may be written as a letter where two people would have the same.
fn italian(v: &[u8]) -> bool {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let Some((check, rest)) = v.split_last() else {
        return false;
    };
    let mut sum = 0_u32;
    for (n, value) in rest.iter().enumerate() {
        let is_number = matches!(n, 6 | 7 | 9 | 10 | 12..=14);
        let place = match *value {
            digit @ 0..=9 if is_number => digit,
            letter if is_number && !b"LMNPQRSTUV".contains(&letter) => return false,
            letter if n == 8 && !b"ABCDEHLMPRST".contains(&letter) => return false,
            letter => letter.wrapping_sub(b'A'),
        };
        let odd = ODD.get(usize::from(place)).copied().unwrap_or(0);
        sum += u32::from(if n % 2 == 0 { odd } else { place });
    }
    u32::from(check.wrapping_sub(b'A')) == sum % 26
}

/// Personnummer.
fn swedish(v: &[u8]) -> bool {
    let own = v.get(v.len().saturating_sub(10)..).unwrap_or_default();
    is_day(part(own, 2, 2), part(own, 4, 2)) && luhn(own)
}

/// Henkilötunnus.
fn finnish(v: &[u8]) -> bool {
    const LETTERS: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let digits: [u64; 3] = [part(v, 0, 2), part(v, 2, 2), part(v, 4, 2)];
    let [day, month, year] = digits;
    let own = v.len().saturating_sub(4);
    let number = ((day * 100 + month) * 100 + year) * 1000 + part(v, own, 3);
    let check = match v.last() {
        Some(digit @ 0..=9) => digit + b'0',
        Some(letter) => *letter,
        None => return false,
    };
    is_day(month, day) && letter_at(LETTERS, number % 31) == Some(check)
}

/// Rodné číslo since 1954; women's months are 50 higher, and 20 more where numbers ran out.
fn czech(v: &[u8]) -> bool {
    let month = part(v, 2, 2);
    let month = month - if month > 50 { 50 } else { 0 };
    let month = month - if month > 20 { 20 } else { 0 };
    is_day(month, part(v, 4, 2)) && number(v).is_multiple_of(11)
}

/// PPS number.
fn irish(v: &[u8]) -> bool {
    let second = match v.get(8) {
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A') + 1,
        Some(b'W') | None => 0,
        Some(_) => return false,
    };
    let sum = weighted(v.get(..7).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    v.get(7).copied() == letter_at(b"WABCDEFGHIJKLMNOPQRSTUV", u64::from(sum % 23))
}

/// Burgerservicenummer: the eleven test.
fn dutch(v: &[u8]) -> bool {
    let sum = weighted(v, &[9, 8, 7, 6, 5, 4, 3, 2]);
    let last = v.last().map_or(0, |digit| u32::from(*digit));
    sum != 0 && sum % 11 == last
}

/// Número de identificação fiscal.
fn portuguese(v: &[u8]) -> bool {
    let check = 11 - weighted(v, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    u64::from(if check > 9 { 0 } else { check }) == part(v, 8, 1)
}

/// Cod numeric personal.
fn romanian(v: &[u8]) -> bool {
    let check = weighted(v, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    is_day(part(v, 3, 2), part(v, 5, 2))
        && u64::from(if check == 10 { 1 } else { check }) == part(v, 12, 1)
}

/// Sozialversicherungsnummer: the check digit is the fourth.
fn austrian(v: &[u8]) -> bool {
    let sum = weighted(v, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    is_day(part(v, 6, 2), part(v, 4, 2)) && u64::from(sum % 11) == part(v, 3, 1)
}

/// CPR-nummer: no check digit since 2007, so its day only.
fn danish(v: &[u8]) -> bool {
    is_day(part(v, 2, 2), part(v, 0, 2))
}
