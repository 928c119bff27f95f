//! Networks that requests come from.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// A network in CIDR notation; IPv4 as its mapped addresses `::ffff:a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    address: IpAddr,
    /// Of the 128 bits, so many are the network's.
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// What is wrong with it, to complete a sentence that begins with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "is not a network; write 10.0.0.0/8, 2001:db8::/32, or one address";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok().ok_or(FORM)?;
        let (width, ahead) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits
                .parse::<u8>()
                .ok()
                .filter(|b| *b <= width)
                .ok_or(FORM)?,
            Some(_) => return Err(FORM),
        };
        let network = Self {
            address,
            bits: bits + ahead,
        };
        match mapped(address) & !network.mask() {
            0 => Ok(network),
            _ => Err("has bits beyond its prefix: write the network's first address"),
        }
    }

    fn mask(self) -> u128 {
        let rest = 128 - u32::from(self.bits.min(128));
        u128::MAX.checked_shl(rest).unwrap_or(0)
    }

    /// Whether an address is in it. A mapped IPv4 address is the IPv4 address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        (mapped(address) ^ mapped(self.address)) & self.mask() == 0
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.holds(other.address)
    }
}

/// The address of a peer as Envoy writes it: `10.0.0.1:443`, `[::1]:443`.
#[must_use]
pub fn source_of(text: &str) -> Option<IpAddr> {
    let address = text.parse::<SocketAddr>().ok()?;
    Some(address.ip())
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
