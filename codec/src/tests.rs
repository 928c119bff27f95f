use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Empty,
    Of(u8),
    Pair(i64, String),
    Box {
        width: f32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth: Option<f64>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Id(u16);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Whole {
    id: Id,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shapes: Vec<Shape>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    at: Option<Box<u64>>,
    pair: [i32; 2],
    by_name: BTreeMap<String, bool>,
    letter: char,
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Empty),
        any::<u8>().prop_map(Shape::Of),
        (any::<i64>(), ".{0,5}").prop_map(|(a, b)| Shape::Pair(a, b)),
        (any::<i16>(), proptest::option::of(any::<i32>())).prop_map(|(w, d)| Shape::Box {
            width: f32::from(w),
            depth: d.map(f64::from),
        }),
    ]
}

fn whole() -> impl Strategy<Value = Whole> {
    (
        any::<u16>(),
        proptest::collection::vec(shape(), 0..4),
        ".{0,8}",
        proptest::option::of(any::<u64>()),
        any::<[i32; 2]>(),
        proptest::collection::btree_map(".{0,3}", any::<bool>(), 0..3),
        any::<char>(),
    )
        .prop_map(|(id, shapes, name, at, pair, by_name, letter)| Whole {
            id: Id(id),
            shapes,
            name,
            at: at.map(Box::new),
            pair,
            by_name,
            letter,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(whole in whole()) {
        prop_assert_eq!(read::<Whole>(&write(&whole).unwrap()), Ok(whole));
    }

    #[test]
    fn a_part_of_it_is_refused(whole in whole(), part in 0.0..1.0) {
        let bytes = write(&whole).unwrap();
        let end = (bytes.len() as f64 * part) as usize;
        prop_assert!(read::<Whole>(&bytes[..end]).is_err());
    }

    #[test]
    fn foreign_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read::<Whole>(&bytes);
        let _ = read::<Vec<Whole>>(&bytes);
    }
}

#[test]
fn a_length_that_lies_allocates_nothing() {
    let lie = write(&u64::MAX).unwrap();
    assert_eq!(read::<Vec<u64>>(&lie), Err(Error::Short));
    assert_eq!(read::<String>(&lie), Err(Error::Short));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    a: u32,
    c: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct New {
    a: u64,
    #[serde(default)]
    b: u8,
    c: String,
}

#[test]
fn other_versions_are_read_where_they_can_be_and_refused_by_name_where_not() {
    let old = Old {
        a: 7,
        c: "x".to_owned(),
    };
    let new = New {
        a: 7,
        b: 0,
        c: "x".to_owned(),
    };
    assert_eq!(read::<New>(&write(&old).unwrap()).as_ref(), Ok(&new));
    assert_eq!(
        read::<Old>(&write(&new).unwrap()),
        Err(Error::Unknown("Old"))
    );
    let empty = write::<BTreeMap<String, u8>>(&BTreeMap::new()).unwrap();
    assert_eq!(read::<Old>(&empty), Err(Error::Missing("a")));
    assert_eq!(
        Error::Missing("a").to_string(),
        "another version wrote it: it lacks a"
    );
}

#[test]
fn what_follows_is_not_ignored() {
    let mut bytes = write(&1_u8).unwrap();
    bytes.push(0);
    assert_eq!(read::<u8>(&bytes), Err(Error::Excess));
}
