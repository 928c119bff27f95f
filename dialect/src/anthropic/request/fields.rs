//! Taking members out of a JSON object, each of its type or with an error that names it.

use serde_json::{Map, Number, Value};

use crate::chat::{BadRequest, CacheMark};

/// The members of an object that have not been read yet. `null` means that a member is not there.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Result<Self, BadRequest> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(BadRequest::new("", "must be an object")),
        }
    }

    pub(super) fn any(&mut self, name: &str) -> Option<Value> {
        self.0.swap_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, BadRequest> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(BadRequest::new(name, "must be a string")),
        }
    }

    pub(super) fn need_text(&mut self, name: &str) -> Result<String, BadRequest> {
        self.text(name)?
            .ok_or_else(|| BadRequest::new(name, "is required"))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(BadRequest::new(name, "must be true or false")),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<Number>, BadRequest> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(_) => Err(BadRequest::new(name, "must be a number")),
        }
    }

    pub(super) fn uint(&mut self, name: &str) -> Result<Option<u64>, BadRequest> {
        let Some(number) = self.any(name) else {
            return Ok(None);
        };
        let number = number
            .as_u64()
            .ok_or_else(|| BadRequest::new(name, "must be a whole number that is not negative"))?;
        Ok(Some(number))
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, BadRequest> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(BadRequest::new(name, "must be an array")),
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, BadRequest> {
        let items = self.list(name)?.unwrap_or_default();
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Err(BadRequest::new(name, "must be an array of strings")),
        });
        texts.collect()
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, BadRequest> {
        let value = self.any(name);
        value
            .map(|value| Self::of(value).map_err(|error| within(name, error)))
            .transpose()
    }

    /// The `cache_control` member.
    pub(super) fn cache(&mut self) -> Result<Option<CacheMark>, BadRequest> {
        const NAME: &str = "cache_control";
        let Some(mut mark) = self.object(NAME)? else {
            return Ok(None);
        };
        let ttl = mark.text("ttl").map_err(|error| within(NAME, error))?;
        Ok(Some(CacheMark { ttl }))
    }

    /// The names of the members that were not read and are not null.
    pub(super) fn into_names(self) -> impl Iterator<Item = String> {
        let said = self.0.into_iter().filter(|(_, value)| !value.is_null());
        said.map(|(name, _)| name)
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

/// The error of something within `path`, named from outside.
pub(in crate::anthropic) fn within(path: &str, error: BadRequest) -> BadRequest {
    let field = match error.field.as_str() {
        "" => path.to_owned(),
        inner if inner.starts_with('[') => format!("{path}{inner}"),
        inner => format!("{path}.{inner}"),
    };
    BadRequest { field, ..error }
}
