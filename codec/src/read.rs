//! Reading.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::{Error, id};

pub(crate) struct Reader<'de> {
    left: &'de [u8],
}

impl<'de> Reader<'de> {
    pub(crate) fn new(left: &'de [u8]) -> Self {
        Self { left }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8], Error> {
        let (taken, left) = self.left.split_at_checked(length).ok_or(Error::Short)?;
        self.left = left;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, left) = self.left.split_first_chunk().ok_or(Error::Short)?;
        self.left = left;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<u64, Error> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift > 63 || (shift == 63 && bits > 1) {
                return Err(Error::Invalid);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn signed(&mut self) -> Result<i64, Error> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn length(&mut self) -> Result<usize, Error> {
        usize::try_from(self.number()?).map_err(|_too_large| Error::Invalid)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Invalid),
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8], Error> {
        let length = self.length()?;
        self.take(length)
    }

    fn str(&mut self) -> Result<&'de str, Error> {
        std::str::from_utf8(self.bytes()?).map_err(|_not_text| Error::Invalid)
    }

    /// Which of `names` comes, sought from `expected` on.
    fn name(&mut self, names: &[&str], expected: usize) -> Result<Option<usize>, Error> {
        let wanted = u16::from_le_bytes(self.fixed()?);
        let is = |at: &usize| names.get(*at).is_some_and(|name| id(name) == wanted);
        let found = (expected..names.len()).find(is);
        Ok(found.or_else(|| (0..expected).find(is)))
    }
}

type Read<'de, V> = Result<<V as Visitor<'de>>::Value, Error>;

macro_rules! numbers {
    ($($method:ident $visit:ident $source:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
            visitor.$visit(self.$source()?)
        }
    )*};
}

macro_rules! unsupported {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Read<'de, V> {
            Err(Error::Unsupported)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    numbers! {
        deserialize_bool visit_bool flag;
        deserialize_i8 visit_i64 signed;
        deserialize_i16 visit_i64 signed;
        deserialize_i32 visit_i64 signed;
        deserialize_i64 visit_i64 signed;
        deserialize_u8 visit_u64 number;
        deserialize_u16 visit_u64 number;
        deserialize_u32 visit_u64 number;
        deserialize_u64 visit_u64 number;
        deserialize_str visit_borrowed_str str;
        deserialize_string visit_borrowed_str str;
        deserialize_bytes visit_borrowed_bytes bytes;
        deserialize_byte_buf visit_borrowed_bytes bytes;
    }

    unsupported! { deserialize_any deserialize_identifier deserialize_ignored_any }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        visitor.visit_f32(f32::from_le_bytes(self.fixed()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        visitor.visit_f64(f64::from_le_bytes(self.fixed()?))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        let code = u32::try_from(self.number()?).map_err(|_too_large| Error::Invalid)?;
        visitor.visit_char(char::from_u32(code).ok_or(Error::Invalid)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        match self.flag()? {
            true => visitor.visit_some(self),
            false => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<'de, V> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<'de, V> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        let left = self.length()?;
        visitor.visit_seq(Elements { from: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Read<'de, V> {
        visitor.visit_seq(Elements { from: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Read<'de, V> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<'de, V> {
        let left = self.length()?;
        visitor.visit_map(Elements { from: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<'de, V> {
        let left = self.length()?;
        visitor.visit_map(Fields {
            from: self,
            left,
            name,
            names,
            next: 0,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<'de, V> {
        let at = self.name(names, 0)?.ok_or(Error::Unknown(name))?;
        visitor.visit_enum(Variant { from: self, at })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Elements of a list, a tuple or a map.
struct Elements<'r, 'de> {
    from: &'r mut Reader<'de>,
    left: usize,
}

impl Elements<'_, '_> {
    fn next(&mut self) -> bool {
        let is_more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_more
    }

    /// No more than there are bytes: a length that lies allocates nothing.
    fn at_most(&self) -> Option<usize> {
        Some(self.left.min(self.from.left.len()))
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        match self.next() {
            true => seed.deserialize(&mut *self.from).map(Some),
            false => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.from)
    }

    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

/// The fields of a struct that are there.
struct Fields<'r, 'de> {
    from: &'r mut Reader<'de>,
    left: usize,
    name: &'static str,
    names: &'static [&'static str],
    /// The field that follows the last one.
    next: usize,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let at = self.from.name(self.names, self.next)?;
        let at = at.ok_or(Error::Unknown(self.name))?;
        self.next = at + 1;
        // Derived code knows its fields by number too.
        seed.deserialize((at as u64).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.from)
    }
}

struct Variant<'r, 'de> {
    from: &'r mut Reader<'de>,
    at: usize,
}

impl<'r, 'de> EnumAccess<'de> for Variant<'r, 'de> {
    type Error = Error;
    type Variant = Content<'r, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize((self.at as u64).into_deserializer())?;
        Ok((variant, Content(self.from)))
    }
}

struct Content<'r, 'de>(&'r mut Reader<'de>);

impl<'de> VariantAccess<'de> for Content<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Read<'de, V> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Read<'de, V> {
        self.0.deserialize_struct("variant", names, visitor)
    }
}
