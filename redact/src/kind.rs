//! What is found.

/// What something is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A key or token of a known vendor, or of Ark.
    ApiKey,
    /// A JSON Web Token (RFC 7519).
    Jwt,
    /// A private key in PEM (RFC 7468), with what it holds.
    PrivateKey,
    /// What a name or a scheme before it says: a password, `Bearer …`, a user's part of a URL.
    Credential,
    /// An e-mail address.
    Email,
    /// A telephone number: E.164, a Chinese mobile, or written the North American way.
    Phone,
    /// A payment card's number (ISO/IEC 7812) with its check digit.
    Card,
    /// An IBAN (ISO 13616) with its check digits.
    Iban,
    /// A Chinese resident identity number (GB 11643) with its check digit.
    ChineseId,
    /// A national identity or tax number of a country of the EU, with its check digits.
    EuId,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ApiKey,
        Self::Jwt,
        Self::PrivateKey,
        Self::Credential,
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::ChineseId,
        Self::EuId,
    ];

    /// Its name in configurations and as a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        // The mask without its brackets.
        let mask = self.mask();
        mask.get(1..mask.len().saturating_sub(1)).unwrap_or(mask)
    }

    /// What stands in a text instead of it.
    #[must_use]
    pub fn mask(self) -> &'static str {
        match self {
            Self::ApiKey => "[api_key]",
            Self::Jwt => "[jwt]",
            Self::PrivateKey => "[private_key]",
            Self::Credential => "[credential]",
            Self::Email => "[email]",
            Self::Phone => "[phone]",
            Self::Card => "[card]",
            Self::Iban => "[iban]",
            Self::ChineseId => "[chinese_id]",
            Self::EuId => "[eu_id]",
        }
    }

    /// Whether it opens something; the others are about people.
    #[must_use]
    pub fn is_secret(self) -> bool {
        match self {
            Self::ApiKey | Self::Jwt | Self::PrivateKey | Self::Credential => true,
            Self::Email | Self::Phone | Self::Card | Self::Iban | Self::ChineseId | Self::EuId => {
                false
            }
        }
    }
}
