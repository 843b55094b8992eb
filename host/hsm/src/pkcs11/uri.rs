//! PKCS #11 URIs (RFC 7512): which module, which token, where the PIN is. Never the PIN itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A PKCS #11 URI: `pkcs11:token=..;serial=..?module-path=..&pin-source=file:..`.
///
/// What is left out matches everything. No secret can be in it: `pin-value` is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// `token`: CKA_LABEL of the token.
    pub token: Option<String>,
    /// `manufacturer`: of the token.
    pub manufacturer: Option<String>,
    /// `serial`: of the token.
    pub serial: Option<String>,
    /// `model`: of the token.
    pub model: Option<String>,
    /// `library-manufacturer`
    pub library_manufacturer: Option<String>,
    /// `library-description`
    pub library_description: Option<String>,
    /// `library-version`: major and minor.
    pub library_version: Option<(u8, u8)>,
    /// `object`: CKA_LABEL of the object.
    pub object: Option<String>,
    /// `type`: class of the object.
    pub class: Option<Class>,
    /// `id`: CKA_ID of the object, any bytes.
    pub id: Option<Vec<u8>>,
    /// `slot-manufacturer`
    pub slot_manufacturer: Option<String>,
    /// `slot-description`
    pub slot_description: Option<String>,
    /// `slot-id`: moves when tokens come and go; a serial number does not.
    pub slot_id: Option<u64>,
    /// `pin-source`: `file:PATH` or `fd:N`.
    pub pin_source: Option<String>,
    /// `module-name`: the library's name without a path and an ending.
    pub module_name: Option<String>,
    /// `module-path`: the library's file.
    pub module_path: Option<PathBuf>,
}

/// Class of an object (`type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `public`
    Public,
    /// `private`
    Private,
    /// `cert`
    Certificate,
    /// `secret-key`
    SecretKey,
    /// `data`
    Data,
}

impl Class {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Public, "public"),
        (Self::Private, "private"),
        (Self::Certificate, "cert"),
        (Self::SecretKey, "secret-key"),
        (Self::Data, "data"),
    ];

    /// As it stands in a URI.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(class, _)| *class == self).map_or("", |(_, name)| name)
    }
}

/// Text that is no PKCS #11 URI. Values are not repeated: one may be a PIN in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Another scheme, or none.
    #[error("a PKCS #11 URI begins with `pkcs11:`")]
    Scheme,
    /// Something between separators that is no `name=value`.
    #[error("part {0} of the PKCS #11 URI is no `name=value`")]
    NoAttribute(usize),
    /// A name in the path that RFC 7512 does not have. It would match no token (RFC 7512, 2.4).
    #[error("`{0}` is no path attribute of PKCS #11 URIs; `token`, `serial`, `model` and `manufacturer` name a token")]
    Unknown(String),
    /// The same name twice.
    #[error("`{0}` stands twice in the PKCS #11 URI")]
    Twice(String),
    /// The value has characters that belong percent-encoded, a broken percent-encoding, or is no number or UTF-8 where
    /// there has to be one.
    #[error("the value of `{0}` in the PKCS #11 URI cannot be read: {1}")]
    Value(String, &'static str),
    /// A PIN in the URI.
    #[error("a PKCS #11 URI with `pin-value` is refused: use pin-source=file:PATH or pin-source=fd:N, or be asked")]
    PinValue,
}

/// What RFC 7512 lets stand for itself in the path; the query takes more ([`QUERY`]) and not `&`.
const PATH: &[u8] = b"-._~:[]@!$'()*+,=&";
const QUERY: &[u8] = b"-._~:[]@!$'()*+,=/?|";

fn bare(byte: u8, allowed: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || allowed.contains(&byte)
}

fn decode(name: &str, text: &str, allowed: &[u8]) -> Result<Vec<u8>, UriError> {
    let wrong = |what| UriError::Value(name.to_owned(), what);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            if !bare(first, allowed) {
                return Err(wrong("it holds a character that has to be written as % and two hex digits"));
            }
            bytes.push(first);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>().ok_or_else(|| wrong("% without two hex digits"))?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).map_err(|_| wrong("% without two hex digits"))?;
        bytes.extend(byte);
        rest = behind;
    }
    Ok(bytes)
}

fn text(name: &str, value: &str, allowed: &[u8]) -> Result<String, UriError> {
    String::from_utf8(decode(name, value, allowed)?).map_err(|_| UriError::Value(name.to_owned(), "it is no UTF-8"))
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, UriError> {
    let digits = Some(value).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| UriError::Value(name.to_owned(), "a number was expected"))
}

fn version(name: &str, value: &str) -> Result<(u8, u8), UriError> {
    let (major, minor) = value.split_once('.').unwrap_or((value, "0"));
    Ok((number(name, major)?, number(name, minor)?))
}

fn class(name: &str, value: &str) -> Result<Class, UriError> {
    let found = Class::ALL.into_iter().find(|(_, class)| *class == value);
    found
        .map(|(class, _)| class)
        .ok_or_else(|| UriError::Value(name.to_owned(), "public, private, cert, secret-key and data are"))
}

/// The loader takes a name with a `/` for a path, which is what `module-path` is for.
fn library(name: &str, value: String) -> Result<String, UriError> {
    if value.is_empty() || value.contains(['/', '\0']) || value.contains("..") {
        return Err(UriError::Value(name.to_owned(), "it is no name of a library: a file is named by module-path"));
    }
    Ok(value)
}

fn set<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), UriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UriError::Twice(name.to_owned())),
    }
}

impl Uri {
    fn path_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let text = || text(name, value, PATH);
        match name {
            "token" => set(name, &mut self.token, text()?),
            "manufacturer" => set(name, &mut self.manufacturer, text()?),
            "serial" => set(name, &mut self.serial, text()?),
            "model" => set(name, &mut self.model, text()?),
            "library-manufacturer" => set(name, &mut self.library_manufacturer, text()?),
            "library-description" => set(name, &mut self.library_description, text()?),
            "library-version" => set(name, &mut self.library_version, version(name, value)?),
            "object" => set(name, &mut self.object, text()?),
            "type" => set(name, &mut self.class, class(name, value)?),
            "id" => set(name, &mut self.id, decode(name, value, PATH)?),
            "slot-manufacturer" => set(name, &mut self.slot_manufacturer, text()?),
            "slot-description" => set(name, &mut self.slot_description, text()?),
            "slot-id" => set(name, &mut self.slot_id, number(name, value)?),
            "pin-value" => Err(UriError::PinValue),
            other => Err(UriError::Unknown(other.to_owned())),
        }
    }

    fn query_attribute(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let text = || text(name, value, QUERY);
        match name {
            "pin-source" => set(name, &mut self.pin_source, text()?),
            "module-name" => set(name, &mut self.module_name, library(name, text()?)?),
            "module-path" => set(name, &mut self.module_path, text()?.into()),
            "pin-value" => Err(UriError::PinValue),
            // RFC 7512, 2.4: what a reader does not know in the query is passed over, unlike in the path.
            _ => Ok(()),
        }
    }

    /// The library to load: `module-path`, or `module-name` with `.so` behind it, for the system's loader to find.
    #[must_use]
    pub fn module(&self) -> Option<PathBuf> {
        let by_name = || self.module_name.as_ref().map(|name| PathBuf::from(format!("{name}.so")));
        self.module_path.clone().or_else(by_name)
    }
}

/// The name of an attribute: letters, digits, `-` and `_`.
fn named(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    Some((name, value)).filter(|_| !name.is_empty() && name.bytes().all(good))
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        // The scheme's case does not count (RFC 3986, 3.1).
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(UriError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts = |text: &str, separator: char| -> Vec<String> {
            if text.is_empty() { Vec::new() } else { text.split(separator).map(str::to_owned).collect() }
        };
        let (path, query) = (parts(path, ';'), parts(query, '&'));
        let mut uri = Self::default();
        for (place, part) in (1..).zip(&path) {
            let (name, value) = named(part).ok_or(UriError::NoAttribute(place))?;
            uri.path_attribute(name, value)?;
        }
        for (place, part) in (path.len() + 1..).zip(&query) {
            let (name, value) = named(part).ok_or(UriError::NoAttribute(place))?;
            uri.query_attribute(name, value)?;
        }
        Ok(uri)
    }
}

fn encoded(bytes: &[u8], allowed: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if bare(byte, allowed) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&hex::encode_upper([byte]));
        }
    }
    text
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<String>| value.as_ref().map(|value| encoded(value.as_bytes(), PATH));
        let query = |value: &Option<String>| value.as_ref().map(|value| encoded(value.as_bytes(), QUERY));
        let path = [
            ("library-manufacturer", text(&self.library_manufacturer)),
            ("library-description", text(&self.library_description)),
            ("library-version", self.library_version.map(|(major, minor)| format!("{major}.{minor}"))),
            ("slot-manufacturer", text(&self.slot_manufacturer)),
            ("slot-description", text(&self.slot_description)),
            ("slot-id", self.slot_id.map(|id| id.to_string())),
            ("manufacturer", text(&self.manufacturer)),
            ("model", text(&self.model)),
            ("serial", text(&self.serial)),
            ("token", text(&self.token)),
            ("object", text(&self.object)),
            // All of it encoded, for the bytes are no text.
            ("id", self.id.as_ref().map(|id| encoded(id, b""))),
            ("type", self.class.map(|class| class.name().to_owned())),
        ];
        let module_path = self.module_path.as_deref().map(Path::to_string_lossy).map(|path| path.into_owned());
        let query = [
            ("module-name", query(&self.module_name)),
            ("module-path", query(&module_path)),
            ("pin-source", query(&self.pin_source)),
        ];
        f.write_str("pkcs11:")?;
        write_attributes(f, &path, "", ";")?;
        write_attributes(f, &query, "?", "&")
    }
}

fn write_attributes(
    f: &mut fmt::Formatter<'_>,
    attributes: &[(&str, Option<String>)],
    before: &str,
    between: &str,
) -> fmt::Result {
    let present = attributes.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (place, (name, value)) in present.enumerate() {
        write!(f, "{}{name}={value}", if place == 0 { before } else { between })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
