//! Members of an object, taken out one by one; what is left is unknown.

use serde_json::{Map, Number, Value};

use crate::chat::BadRequest;

/// An object's members. `null` counts as not there.
pub(super) struct Fields {
    map: Map<String, Value>,
    /// The object's path, with a dot at its end; empty for the body.
    path: String,
}

impl Fields {
    pub(super) fn new(map: Map<String, Value>, path: String) -> Self {
        Self { map, path }
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    fn wrong(&self, name: &str, expected: &str) -> BadRequest {
        BadRequest::new(self.path(name), format!("must be {expected}"))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    pub(super) fn need_text(&mut self, name: &str) -> Result<String, BadRequest> {
        let text = self.text(name)?;
        text.ok_or_else(|| self.wrong(name, "a string"))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<Number>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(self.wrong(name, "a number")),
        }
    }

    /// Some clients write integers as `100.0`.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, BadRequest> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let whole = |number: f64| {
            let small = (0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
            small.then_some(number as u64)
        };
        let count = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        let wrong = || self.wrong(name, "a non-negative integer");
        count.map(Some).ok_or_else(wrong)
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Fields>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let path = format!("{}.", self.path(name));
                Ok(Some(Self::new(map, path)))
            }
            Some(_) => Err(self.wrong(name, "an object")),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(name, "an array")),
        }
    }

    /// Counts a member that was taken as unknown after all.
    pub(super) fn put_back(&mut self, name: &str) {
        self.map.insert(name.to_owned(), Value::Bool(true));
    }

    /// The members that are left.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.map
    }

    /// The paths of the members that are left and say something.
    pub(super) fn into_unknown(self) -> Vec<String> {
        let said = self.map.iter().filter(|(_, value)| !value.is_null());
        said.map(|(name, _)| self.path(name)).collect()
    }
}

/// An element of an array that must be an object; `at` is its path.
pub(super) fn element(value: Value, at: &str) -> Result<Fields, BadRequest> {
    match value {
        Value::Object(map) => Ok(Fields::new(map, format!("{at}."))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(BadRequest::new(at, "must be an object"))
        }
    }
}
