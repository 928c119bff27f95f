//! Members of a request's JSON: what each must be, and where it stands when it is not that.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::chat::BadRequest;

/// Where a value stands in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'p> {
    /// It is the body.
    Body,
    /// It is a member of an object.
    Member(&'p Place<'p>, &'p str),
    /// It is an element of an array.
    Element(&'p Place<'p>, usize),
}

impl Place<'_> {
    pub(crate) fn member<'q>(&'q self, name: &'q str) -> Place<'q> {
        Place::Member(self, name)
    }

    pub(crate) fn element(&self, index: usize) -> Place<'_> {
        Place::Element(self, index)
    }

    pub(crate) fn wrong(&self, problem: &str) -> BadRequest {
        BadRequest::new(self.to_string(), problem)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => Ok(()),
            Self::Member(Place::Body, name) => f.write_str(name),
            Self::Member(up, name) => write!(f, "{up}.{name}"),
            Self::Element(up, index) => write!(f, "{up}[{index}]"),
        }
    }
}

/// A JSON object whose members are taken out one by one, so that what is left is unknown. A member
/// that is `null` is as if it were not there.
#[derive(Debug)]
pub(crate) struct Object<'p> {
    members: Map<String, Value>,
    place: &'p Place<'p>,
}

impl<'p> Object<'p> {
    /// Parses a whole body.
    pub(crate) fn body(body: &[u8]) -> Result<Self, BadRequest> {
        let value = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let problem = format!("is not valid JSON (line {line}, column {column})");
            Place::Body.wrong(&problem)
        })?;
        Self::new(value, &Place::Body)
    }

    pub(crate) fn new(value: Value, place: &'p Place<'p>) -> Result<Self, BadRequest> {
        let Value::Object(members) = value else {
            return Err(place.wrong("must be an object"));
        };
        Ok(Self { members, place })
    }

    pub(crate) fn place(&self) -> &'p Place<'p> {
        self.place
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(crate) fn need_text(&mut self, name: &str) -> Result<String, BadRequest> {
        self.text(name)?
            .ok_or_else(|| self.wrong(name, "is required and must be a string"))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<Number>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(self.wrong(name, "must be a number")),
        }
    }

    /// A count; some clients write integers as `100.0`.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u64>, BadRequest> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        let whole = number.as_u64().or_else(|| {
            let digits = number.to_string();
            digits.strip_suffix(".0").and_then(|d| d.parse().ok())
        });
        whole
            .map(Some)
            .ok_or_else(|| self.wrong(name, "must be a non-negative integer"))
    }

    pub(crate) fn map(&mut self, name: &str) -> Result<Option<Map<String, Value>>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    pub(crate) fn elements(&mut self, name: &str) -> Result<Option<Vec<Value>>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(elements)) => Ok(Some(elements)),
            Some(_) => Err(self.wrong(name, "must be an array")),
        }
    }

    pub(crate) fn wrong(&self, name: &str, problem: &str) -> BadRequest {
        self.place.member(name).wrong(problem)
    }

    /// Takes the member out if it has this value.
    pub(crate) fn drop_if(&mut self, name: &str, value: &Value) {
        if self.members.get(name) == Some(value) {
            self.members.remove(name);
        }
    }

    /// Names of the members that nobody took.
    pub(crate) fn rest(self) -> impl Iterator<Item = String> {
        let left = self.members.into_iter();
        left.filter(|(_, value)| !value.is_null())
            .map(|(name, _)| name)
    }
}
