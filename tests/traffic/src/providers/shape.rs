//! What a request's JSON may look like, as data, and how a value departs from it.
//!
//! Each dialect has its tables of shapes and its own words for a [`Flaw`].

use serde_json::Value;

/// Most flaws that are looked for in one request.
const FLAWS_LIMIT: usize = 16;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Any JSON.
    Any,
    /// A string.
    Text,
    /// A string of at least and at most so many characters.
    Sized(usize, usize),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A boolean.
    Flag,
    /// An integer in these bounds.
    Integer(i64, i64),
    /// A number in these bounds.
    Number(f64, f64),
    /// A list, with its least and greatest length.
    List(&'static Shape, usize, usize),
    /// An object with any names.
    Map(&'static Shape),
    /// An object with these members only.
    Object(&'static [Member]),
    /// An object with exactly one of these members.
    Single(&'static [Member]),
    /// An object whose member of this name says which members it has.
    Tagged(&'static str, &'static [(&'static str, &'static [Member])]),
    /// The first of these that has the value's JSON type.
    Either(&'static [Shape]),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    name: &'static str,
    shape: &'static Shape,
    required: bool,
}

/// A member that must be there.
pub(super) const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        shape,
        required: true,
    }
}

/// A member that may be there; `null` is as good as absent.
pub(super) const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        shape,
        required: false,
    }
}

/// A step from the whole to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member.
    Key(String),
    /// An element of a list.
    Index(usize),
    /// A value of a map, by its place.
    Entry(usize),
    /// The variant of a tagged object.
    Tag(&'static str),
}

/// A departure from a shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flaw {
    pub(super) path: Vec<Step>,
    pub(super) problem: Problem,
}

/// What is wrong there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Problem {
    /// A member that the object does not have.
    Unknown(String, Value),
    /// A member that must be there.
    Missing(&'static str),
    /// Another JSON type.
    Type(&'static str, Value),
    /// None of the words.
    Word(&'static [&'static str], String),
    /// A number, length or count under the least.
    Under(f64, Measure),
    /// A number, length or count over the greatest.
    Over(f64, Measure),
    /// None of the variants; the tag's name, what it said.
    Tag(&'static str, Option<String>, Vec<&'static str>),
    /// Not exactly one member.
    NotSingle(Vec<&'static str>),
}

/// Of what a bound is the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Value,
    Characters,
    Items,
}

/// How `value` departs from `shape`, in document order.
pub(super) fn flaws(shape: &'static Shape, value: &Value) -> Vec<Flaw> {
    let mut check = Check::default();
    check.value(shape, value);
    check.flaws
}

/// `value` with the members that `shape` knows by their names, where they have another name that
/// `alias` makes theirs.
pub(super) fn renamed(
    shape: &'static Shape,
    value: Value,
    alias: &impl Fn(&str) -> String,
) -> Value {
    match (shape, value) {
        (Shape::Object(members) | Shape::Single(members), Value::Object(object)) => {
            let rename = |(name, element): (String, Value)| {
                let known = |name: &str| members.iter().find(|member| member.name == name);
                match known(&name).or_else(|| known(&alias(&name))) {
                    Some(member) => {
                        let element = renamed(member.shape, element, alias);
                        (member.name.to_owned(), element)
                    }
                    None => (name, element),
                }
            };
            Value::Object(object.into_iter().map(rename).collect())
        }
        (Shape::Map(inner), Value::Object(object)) => {
            let inside = |(name, element)| (name, renamed(inner, element, alias));
            Value::Object(object.into_iter().map(inside).collect())
        }
        (Shape::List(item, ..), Value::Array(list)) => {
            let each = list
                .into_iter()
                .map(|element| renamed(item, element, alias));
            Value::Array(each.collect())
        }
        (_, value) => value,
    }
}

#[derive(Default)]
struct Check {
    path: Vec<Step>,
    flaws: Vec<Flaw>,
}

impl Check {
    fn flaw(&mut self, problem: Problem) {
        if self.flaws.len() < FLAWS_LIMIT {
            self.flaws.push(Flaw {
                path: self.path.clone(),
                problem,
            });
        }
    }

    fn inside(&mut self, step: Step, shape: &'static Shape, value: &Value) {
        self.path.push(step);
        self.value(shape, value);
        self.path.pop();
    }

    fn value(&mut self, shape: &'static Shape, value: &Value) {
        match shape {
            Shape::Any => {}
            Shape::Text => {
                self.text(value);
            }
            Shape::Sized(least, most) => {
                if let Some(text) = self.text(value) {
                    self.count(text.chars().count(), *least, *most, Measure::Characters);
                }
            }
            Shape::Word(words) => {
                if let Some(text) = self.text(value)
                    && !words.contains(&text)
                {
                    self.flaw(Problem::Word(words, text.to_owned()));
                }
            }
            Shape::Flag if value.is_boolean() => {}
            Shape::Integer(least, most) if value.is_i64() || value.is_u64() => {
                let least = f64::from(i32::try_from(*least).unwrap_or(i32::MIN));
                let most = i32::try_from(*most).map_or(f64::MAX, f64::from);
                self.bound(value, least, most);
            }
            Shape::Number(least, most) if value.is_number() => self.bound(value, *least, *most),
            Shape::List(item, least, most) if value.is_array() => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                self.count(items.len(), *least, *most, Measure::Items);
                for (index, element) in items.iter().enumerate() {
                    self.inside(Step::Index(index), item, element);
                }
            }
            Shape::Map(inner) if value.is_object() => {
                for (index, (_, element)) in value.as_object().into_iter().flatten().enumerate() {
                    self.inside(Step::Entry(index), inner, element);
                }
            }
            Shape::Object(members) if value.is_object() => self.object(members, value, None),
            Shape::Single(members) if value.is_object() => self.single(members, value),
            Shape::Tagged(tag, variants) if value.is_object() => self.tagged(tag, variants, value),
            Shape::Either(shapes) => match shapes.iter().find(|s| s.fits(value)) {
                Some(fitting) => self.value(fitting, value),
                None => self.flaw(Problem::Type(shape.json_type(), value.clone())),
            },
            Shape::Flag
            | Shape::Integer(..)
            | Shape::Number(..)
            | Shape::List(..)
            | Shape::Map(_)
            | Shape::Object(_)
            | Shape::Single(_)
            | Shape::Tagged(..) => self.flaw(Problem::Type(shape.json_type(), value.clone())),
        }
    }

    fn text<'a>(&mut self, value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            self.flaw(Problem::Type("string", value.clone()));
        }
        text
    }

    fn bound(&mut self, value: &Value, least: f64, most: f64) {
        let number = value.as_f64().unwrap_or(0.0);
        if number < least {
            self.flaw(Problem::Under(least, Measure::Value));
        } else if number > most {
            self.flaw(Problem::Over(most, Measure::Value));
        }
    }

    fn count(&mut self, count: usize, least: usize, most: usize, measure: Measure) {
        let bound = |limit: usize| f64::from(u32::try_from(limit).unwrap_or(u32::MAX));
        if count < least {
            self.flaw(Problem::Under(bound(least), measure));
        } else if count > most {
            self.flaw(Problem::Over(bound(most), measure));
        }
    }

    fn object(&mut self, members: &'static [Member], value: &Value, tag: Option<&str>) {
        let Some(object) = value.as_object() else {
            return;
        };
        for (name, element) in object {
            match members.iter().find(|member| member.name == name) {
                Some(member) if element.is_null() && !member.required => {}
                Some(member) => self.inside(Step::Key(name.clone()), member.shape, element),
                None if tag == Some(name) => {}
                None => self.flaw(Problem::Unknown(name.clone(), element.clone())),
            }
        }
        for member in members.iter().filter(|m| m.required) {
            if !object.contains_key(member.name) {
                self.flaw(Problem::Missing(member.name));
            }
        }
    }

    fn single(&mut self, members: &'static [Member], value: &Value) {
        self.object(members, value, None);
        let given = value.as_object().into_iter().flatten();
        if given.filter(|(_, element)| !element.is_null()).count() != 1 {
            let names = members.iter().map(|member| member.name).collect();
            self.flaw(Problem::NotSingle(names));
        }
    }

    fn tagged(
        &mut self,
        tag: &'static str,
        variants: &'static [(&'static str, &'static [Member])],
        value: &Value,
    ) {
        let said = value.get(tag).and_then(Value::as_str);
        match variants.iter().find(|(name, _)| Some(*name) == said) {
            Some((name, members)) => {
                self.path.push(Step::Tag(name));
                self.object(members, value, Some(tag));
                self.path.pop();
            }
            None => {
                let names = variants.iter().map(|(name, _)| *name).collect();
                self.flaw(Problem::Tag(tag, said.map(str::to_owned), names));
            }
        }
    }
}

impl Shape {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text | Self::Sized(..) | Self::Word(_) => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Integer(..) => value.is_i64() || value.is_u64(),
            Self::Number(..) => value.is_number(),
            Self::List(..) => value.is_array(),
            Self::Map(_) | Self::Object(_) | Self::Single(_) | Self::Tagged(..) => {
                value.is_object()
            }
            Self::Either(shapes) => shapes.iter().any(|shape| shape.fits(value)),
        }
    }

    fn json_type(&self) -> &'static str {
        match self {
            Self::Any => "value",
            Self::Text | Self::Sized(..) | Self::Word(_) => "string",
            Self::Flag => "boolean",
            Self::Integer(..) => "integer",
            Self::Number(..) => "number",
            Self::List(..) => "array",
            Self::Map(_) | Self::Object(_) | Self::Single(_) | Self::Tagged(..) => "object",
            Self::Either(shapes) => shapes.last().map_or("value", Self::json_type),
        }
    }
}

/// The JSON type of a value, with its article.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
