//! Images and documents.

use std::borrow::Cow;

use super::ids::DocumentNames;
use super::wire::{Audio, Block, Document, Image, Place};
use crate::chat::Source;

/// An image block; `None` where Converse takes no such source or format.
///
/// `s3://` is the only kind of URL that it fetches.
pub(super) fn image(source: &Source) -> Option<Block<'_>> {
    let (format, source) = match source {
        Source::Base64 { media_type, data } => (
            image_format(subtype(media_type, "image/")?)?,
            Place::Bytes(Cow::Borrowed(data)),
        ),
        Source::Url(uri) => (image_format(extension(uri)?)?, s3(uri)?),
        Source::FileId(_) | Source::Text(_) => return None,
    };
    Some(Block::Image(Image { format, source }))
}

/// A document block; `None` where Converse takes no such source or format.
pub(super) fn document<'a>(
    source: &'a Source,
    name: Option<&str>,
    names: &mut DocumentNames,
) -> Option<Document<'a>> {
    let (format, source) = match source {
        Source::Base64 { media_type, data } => (
            document_format(media_type).or_else(|| extension_format(name?))?,
            Place::Bytes(Cow::Borrowed(data)),
        ),
        // Bytes, and not the member `text`, because every model that reads documents takes them.
        Source::Text(text) => ("txt", Place::Bytes(Cow::Owned(base64(text.as_bytes())))),
        Source::Url(uri) => (extension_format(uri)?, s3(uri)?),
        Source::FileId(_) => return None,
    };
    Some(Document {
        format,
        name: names.name(name),
        source,
    })
}

/// An audio block; `None` where Converse takes no such format.
pub(super) fn audio<'a>(data: &'a str, format: &str) -> Option<Block<'a>> {
    // `AudioFormat`.
    let format = [
        "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg",
        "mpga", "pcm", "webm",
    ]
    .into_iter()
    .find(|known| *known == format)?;
    let source = Place::Bytes(Cow::Borrowed(data));
    Some(Block::Audio(Audio { format, source }))
}

fn s3(uri: &str) -> Option<Place<'_>> {
    uri.starts_with("s3://")
        .then_some(Place::S3Location { uri })
}

/// What follows `kind` in a media type, without parameters.
fn subtype<'a>(media_type: &'a str, kind: &str) -> Option<&'a str> {
    let essence = media_type.split(';').next()?.trim();
    essence.strip_prefix(kind)
}

fn extension(name: &str) -> Option<&str> {
    Some(name.rsplit_once('.')?.1)
}

/// `ImageFormat`.
fn image_format(name: &str) -> Option<&'static str> {
    Some(match name {
        "png" => "png",
        "jpeg" | "jpg" => "jpeg",
        "gif" => "gif",
        "webp" => "webp",
        _ => return None,
    })
}

/// `DocumentFormat` of a media type.
fn document_format(media_type: &str) -> Option<&'static str> {
    Some(match media_type.split(';').next()?.trim() {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/markdown" => "md",
        _ => return None,
    })
}

/// `DocumentFormat` of a file's name.
fn extension_format(name: &str) -> Option<&'static str> {
    let extension = extension(name)?;
    [
        "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
    ]
    .into_iter()
    .find(|format| format.eq_ignore_ascii_case(extension))
}

/// Standard base64, RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (digit, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let index = usize::try_from((bits >> shift) & 63).unwrap_or(0);
            let known = DIGITS.get(index).filter(|_| digit <= group.len());
            text.push(known.map_or('=', |&known| char::from(known)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_rfc() {
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
