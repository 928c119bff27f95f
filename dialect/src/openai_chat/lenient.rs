//! JSON of providers, read without insisting: a member of the wrong type is as if it were not there.
//!
//! Vendors that speak OpenAI's dialect put `null`, empty strings and objects where OpenAI does not,
//! and none of that is a reason to drop an answer. Text is borrowed from the bytes unless it has
//! escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What becomes of each kind of JSON value; what is not named becomes the default.
trait Lenient<'de>: Default {
    fn text(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    fn count(_: u64) -> Self {
        Self::default()
    }

    fn elements<A: SeqAccess<'de>>(mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn members<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct AnyKind<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for AnyKind<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text)))
    }

    fn visit_u64<E>(self, count: u64) -> Result<T, E> {
        Ok(T::count(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<T, E> {
        Ok(u64::try_from(count).map_or_else(|_| T::default(), T::count))
    }

    fn visit_f64<E>(self, count: f64) -> Result<T, E> {
        // Truncates, and saturates at both ends.
        Ok(T::count(count as u64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<T, A::Error> {
        T::elements(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::members(members)
    }
}

/// A string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The text, unless it is empty.
    pub(crate) fn get(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }

    /// The text; empty when there is none.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The text, unless it is empty, as a string of its own.
    pub(crate) fn owned(self) -> Option<String> {
        self.get().map(Cow::into_owned)
    }
}

impl From<Option<String>> for Text<'_> {
    fn from(text: Option<String>) -> Self {
        Self(text.map(Cow::Owned))
    }
}

impl<'de: 'a, 'a> Lenient<'de> for Text<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self(Some(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// A string that some vendors write as the object that it should encode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonText<'a>(pub(crate) Text<'a>);

impl<'de: 'a, 'a> Lenient<'de> for JsonText<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self(Text::text(text))
    }

    fn members<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Self(Text(Some(Cow::Owned(value.to_string())))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// A non-negative number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) Option<u64>);

impl<'de> Lenient<'de> for Count {
    fn count(count: u64) -> Self {
        Self(Some(count))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Maybe<T> {
    fn members<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(|found| Self(Some(found)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// An array of objects, which allocates nothing for one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
    /// Whether there was an array, be it empty.
    pub(crate) present: bool,
}

impl<T> Few<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            first: None,
            more: Vec::new(),
            present: false,
        }
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Few<T> {
    fn elements<A: SeqAccess<'de>>(mut elements: A) -> Result<Self, A::Error> {
        let mut few = Self {
            present: true,
            ..Self::default()
        };
        while let Some(Maybe(element)) = elements.next_element::<Maybe<T>>()? {
            match element {
                Some(element) if few.first.is_none() => few.first = Some(element),
                Some(element) => few.more.push(element),
                None => {}
            }
        }
        Ok(few)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// An array of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for Many<T> {
    fn elements<A: SeqAccess<'de>>(mut elements: A) -> Result<Self, A::Error> {
        let mut many = Vec::new();
        while let Some(Maybe(element)) = elements.next_element::<Maybe<T>>()? {
            many.extend(element);
        }
        Ok(Self(many))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

/// What a message says: a string, or an array of parts of which the texts and, apart from them, the
/// thoughts count (Mistral's reasoning models).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) thinking: String,
    pub(crate) odd: OddParts,
}

/// Which parts a message has that say nothing in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OddParts {
    /// Images.
    pub(crate) images: bool,
    /// Mistral's references to sources.
    pub(crate) references: bool,
    /// Others.
    pub(crate) others: bool,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: Thinking<'a>,
}

/// A string, or an array of text parts.
#[derive(Default)]
struct Thinking<'a>(Text<'a>);

impl<'de: 'a, 'a> Lenient<'de> for Thinking<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self(Text::text(text))
    }

    fn elements<A: SeqAccess<'de>>(elements: A) -> Result<Self, A::Error> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct TextPart<'a> {
            #[serde(borrow)]
            text: Text<'a>,
        }
        let Many(parts) = Many::<TextPart<'_>>::elements(elements)?;
        let text: String = parts.iter().map(|part| part.text.as_str()).collect();
        Ok(Self(Text(Some(Cow::Owned(text)))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Thinking<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}

impl<'de: 'a, 'a> Lenient<'de> for Content<'a> {
    fn text(text: Cow<'de, str>) -> Self {
        Self {
            text: Text::text(text),
            ..Self::default()
        }
    }

    fn elements<A: SeqAccess<'de>>(elements: A) -> Result<Self, A::Error> {
        let (mut text, mut thinking) = (String::new(), String::new());
        let mut odd = OddParts::default();
        for part in Many::<ContentPart<'_>>::elements(elements)?.0 {
            text.push_str(part.text.as_str());
            thinking.push_str(part.thinking.0.as_str());
            match part.kind.as_str() {
                "" | "text" | "thinking" => {}
                "image_url" => odd.images = true,
                "reference" => odd.references = true,
                _ => odd.others = true,
            }
        }
        Ok(Self {
            text: Text(Some(Cow::Owned(text))),
            thinking,
            odd,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind(PhantomData))
    }
}
