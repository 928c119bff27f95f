//! A verified token's claims, as far as anything is decided by them.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Where a claim is: one name, or the names of the objects that it is nested in, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClaimPath(pub Vec<String>);

/// One value of a token's payload. An object that names a member twice is refused: two readers could
/// take it for two different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Text.
    Text(String),
    /// A list; what is no text in it is left out.
    List(Vec<String>),
    /// An object.
    Object(Vec<(String, Claim)>),
    /// A number, a truth value or null.
    Other,
}

/// A token's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(Claim);

impl Claims {
    /// The claim at `path`.
    #[must_use]
    pub fn get(&self, path: &ClaimPath) -> Option<&Claim> {
        path.0.iter().try_fold(&self.0, |at, name| match at {
            Claim::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Claim::Text(_) | Claim::List(_) | Claim::Other => None,
        })
    }

    /// The text of the claim `name`.
    #[must_use]
    pub fn text(&self, path: &ClaimPath) -> Option<&str> {
        match self.get(path)? {
            Claim::Text(text) => Some(text),
            Claim::List(_) | Claim::Object(_) | Claim::Other => None,
        }
    }

    /// `iss` (RFC 7519 section 4.1.1).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        match &self.0 {
            Claim::Object(members) => members.iter().find_map(|(name, value)| match value {
                Claim::Text(text) if name == "iss" => Some(text.as_str()),
                Claim::Text(_) | Claim::List(_) | Claim::Object(_) | Claim::Other => None,
            }),
            Claim::Text(_) | Claim::List(_) | Claim::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Claim::deserialize(deserializer)? {
            object @ Claim::Object(_) => Ok(Self(object)),
            Claim::Text(_) | Claim::List(_) | Claim::Other => {
                Err(D::Error::custom("a payload is an object"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfClaim)
    }
}

struct OfClaim;

impl<'de> Visitor<'de> for OfClaim {
    type Value = Claim;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Claim, E> {
        Ok(Claim::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Claim, E> {
        Ok(Claim::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Claim, E> {
        Ok(Claim::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Claim, E> {
        Ok(Claim::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Claim, E> {
        Ok(Claim::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Claim, E> {
        Ok(Claim::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Claim, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Claim>()? {
            match item {
                Claim::Text(text) => items.push(text),
                Claim::List(_) | Claim::Object(_) | Claim::Other => {}
            }
        }
        Ok(Claim::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claim, A::Error> {
        let mut members: Vec<(String, Claim)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Claim>()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member is there twice"));
            }
            members.push((name, value));
        }
        Ok(Claim::Object(members))
    }
}
