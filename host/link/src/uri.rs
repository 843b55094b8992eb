//! The URI of `--reader`.

use crate::LinkError;
use std::str::FromStr;

/// What a reader's URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uri {
    /// `pcsc:NAME-PART`. An empty part fits the only reader there is.
    Pcsc(String),
    /// `vpcd:PORT`; 0 for any that is free.
    Vpcd(u16),
    /// `sim:PROFILE`.
    Sim(String),
}

impl FromStr for Uri {
    type Err = LinkError;

    fn from_str(uri: &str) -> Result<Self, LinkError> {
        let refuse = |reason: &str| LinkError::Uri { uri: uri.to_owned(), reason: reason.to_owned() };
        let schemes = "it has to be pcsc:NAME-PART, vpcd:PORT or sim:PROFILE";
        let (scheme, rest) = uri.split_once(':').ok_or_else(|| refuse(schemes))?;
        match scheme {
            "pcsc" => Ok(Self::Pcsc(rest.to_owned())),
            "vpcd" => match rest.parse() {
                Ok(port) => Ok(Self::Vpcd(port)),
                Err(_) => Err(refuse("a port is a number up to 65535; 0 takes any that is free")),
            },
            "sim" => Ok(Self::Sim(rest.to_owned())),
            _ => Err(refuse(schemes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Uri;
    use crate::LinkError;

    #[test]
    fn the_three_ways() {
        assert_eq!("pcsc:ACS ACR: 1".parse::<Uri>().unwrap(), Uri::Pcsc("ACS ACR: 1".to_owned()));
        assert_eq!("vpcd:35963".parse::<Uri>().unwrap(), Uri::Vpcd(35963));
        assert_eq!("sim:".parse::<Uri>().unwrap(), Uri::Sim(String::new()));
    }

    #[test]
    fn all_else_is_refused_with_the_reason() {
        for uri in ["", "ACS", "usb:1", "PCSC:x", "vpcd:", "vpcd:65536", "vpcd:-1", "vpcd:1 "] {
            let error = uri.parse::<Uri>().unwrap_err();
            assert!(matches!(&error, LinkError::Uri { uri: given, .. } if given == uri), "{error}");
        }
    }
}
