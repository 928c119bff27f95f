//! Where data may go: what a provider assures, against what a tenant, a key, a model and a request
//! require. A hard filter, which nothing that a client sends can widen.

use serde::{Deserialize, Serialize};

use crate::access::ProviderSet;
use crate::snapshot::ProviderId;

/// Distinct regions of providers, and distinct certifications, that a snapshot can tell apart.
pub const MOST_NAMES: usize = 64;

/// Longest `x-ark-require` that is read, in bytes.
pub const REQUIRE_LIMIT_BYTES: usize = 1_024;

/// A set of names, by their index in the snapshot's [`Vocabulary`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NameSet(pub u64);

impl NameSet {
    /// The set of the name at `index`; the empty set beyond [`MOST_NAMES`].
    #[must_use]
    pub fn of(index: usize) -> Self {
        let shift = u32::try_from(index).unwrap_or(u32::MAX);
        Self(1u64.checked_shl(shift).unwrap_or(0))
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a provider does with prompts and answers once it has answered, best first. docs/compliance.md
/// says which vendor's terms are which.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Retention {
    /// Nothing outlives the request.
    #[serde(rename = "zero")]
    Zero,
    /// Gone within 24 hours: caches, no human review.
    #[serde(rename = "transient")]
    Transient,
    /// Kept up to 30 days, for abuse monitoring or legal duties, and not used otherwise.
    #[serde(rename = "days-30")]
    Days30,
    /// Kept for longer, or until it is deleted, and not used for training.
    #[serde(rename = "stored")]
    Stored,
    /// May be used to train or improve models; also what is not known.
    #[default]
    #[serde(rename = "training")]
    Training,
}

impl Retention {
    /// All classes, best first.
    pub const ALL: [Self; 5] = [
        Self::Zero,
        Self::Transient,
        Self::Days30,
        Self::Stored,
        Self::Training,
    ];

    /// Its name in `ark.yaml` and in headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Transient => "transient",
            Self::Days30 => "days-30",
            Self::Stored => "stored",
            Self::Training => "training",
        }
    }

    /// Reads the name that [`Retention::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// What a provider assures. By default nothing: what the operator has not said is not assured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assurance {
    /// Where it processes data: one region, or none that is known.
    #[serde(default)]
    pub region: NameSet,
    /// The certifications that it holds.
    #[serde(default)]
    pub certifications: NameSet,
    /// What it keeps.
    #[serde(default)]
    pub retention: Retention,
}

/// What is required of a provider. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// It processes data in one of these regions; `None`: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<NameSet>,
    /// It holds all of these certifications.
    #[serde(default)]
    pub certifications: NameSet,
    /// A certification is required that no provider holds.
    #[serde(default)]
    pub uncertified: bool,
    /// It keeps no more than this.
    #[serde(default)]
    pub retention: Retention,
    /// It is one of these, by the rules of `access`; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<ProviderSet>,
    /// The rule of `access` that let the request pass, by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u16>,
    /// Of the model's fallbacks those that may stand in by the same rule, a bit each; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_ins: Option<u64>,
}

/// One kind of requirement, in the order in which they are judged: of two unmet ones the greater is the
/// nearer miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// [`Requirement::providers`].
    Provider,
    /// [`Requirement::regions`].
    Region,
    /// [`Requirement::certifications`].
    Certification,
    /// [`Requirement::retention`].
    Retention,
}

impl Demand {
    /// The parameter of `x-ark-require` that states it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Region => "region",
            Self::Certification => "certification",
            Self::Retention => "retention",
        }
    }
}

impl Requirement {
    /// What both require. It admits nobody whom either does not admit.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            regions: match (self.regions, other.regions) {
                (Some(a), Some(b)) => Some(a.and(b)),
                (a, b) => a.or(b),
            },
            certifications: self.certifications.or(other.certifications),
            uncertified: self.uncertified || other.uncertified,
            retention: self.retention.min(other.retention),
            providers: match (self.providers, other.providers) {
                (Some(a), Some(b)) => Some(a.and(b)),
                (a, b) => a.or(b),
            },
            rule: self.rule.or(other.rule),
            stand_ins: self.stand_ins.or(other.stand_ins),
        }
    }

    /// The first kind of requirement that a provider does not meet, which of all it is.
    #[must_use]
    pub fn unmet_by_one(&self, id: ProviderId, assurance: &Assurance) -> Option<Demand> {
        match self.providers {
            Some(among) if !among.holds(id) => Some(Demand::Provider),
            Some(_) | None => self.unmet_by(assurance),
        }
    }

    /// The first kind of requirement that a provider's assurance does not meet.
    #[must_use]
    pub fn unmet_by(&self, assurance: &Assurance) -> Option<Demand> {
        let is_elsewhere = |regions: NameSet| regions.and(assurance.region) == NameSet::default();
        if self.regions.is_some_and(is_elsewhere) {
            Some(Demand::Region)
        } else if self.uncertified || !assurance.certifications.holds(self.certifications) {
            Some(Demand::Certification)
        } else if assurance.retention > self.retention {
            Some(Demand::Retention)
        } else {
            None
        }
    }
}

/// A requirement with the words in which it was stated, for refusals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// What is required.
    #[serde(default)]
    pub requirement: Requirement,
    /// By whom, in the form of `x-ark-require`: `the tenant: region=eu`. Empty when nothing is.
    #[serde(default)]
    pub words: String,
}

/// A region, or a group of regions that the operator has named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionName {
    /// The name.
    pub name: String,
    /// The regions that it stands for.
    pub regions: NameSet,
}

/// The names that requirements are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Regions of providers, then groups.
    #[serde(default)]
    pub regions: Vec<RegionName>,
    /// Certifications that providers hold.
    #[serde(default)]
    pub certifications: Vec<String>,
}

impl Vocabulary {
    /// What a region's or a group's name stands for: nothing, for a name that nobody has.
    #[must_use]
    pub fn region(&self, name: &str) -> NameSet {
        let known = self.regions.iter().find(|known| known.name == name);
        known.map_or_else(NameSet::default, |known| known.regions)
    }

    /// Adds a certification to what is required. One that no provider holds cannot be met.
    pub fn demand_certification(&self, requirement: &mut Requirement, name: &str) {
        match self.certifications.iter().position(|known| known == name) {
            Some(index) => {
                let certifications = requirement.certifications;
                requirement.certifications = certifications.or(NameSet::of(index));
            }
            None => requirement.uncertified = true,
        }
    }

    /// Reads `x-ark-require`: `region=eu; certification=soc2; retention=zero`.
    ///
    /// Of several values of one `region`, separated by commas, one suffices; of certifications all are
    /// required. A parameter that is repeated is required as often. A name that is well formed and that
    /// nobody has is a requirement that nobody meets: an answer tells nothing of what there is.
    ///
    /// # Errors
    /// What is wrong with it, to complete a sentence that begins with the header's name.
    pub fn read(&self, header: &str) -> Result<Requirement, Malformed> {
        if header.is_empty() || header.len() > REQUIRE_LIMIT_BYTES {
            return Err(Malformed::Whole);
        }
        let mut all = Requirement::default();
        for parameter in header.split(';') {
            let (name, values) = parameter.split_once('=').ok_or(Malformed::Whole)?;
            all = all.and(match name.trim() {
                "region" => {
                    let mut regions = NameSet::default();
                    for value in names(values) {
                        regions = regions.or(self.region(value.ok_or(Malformed::Region)?));
                    }
                    Requirement {
                        regions: Some(regions),
                        ..Requirement::default()
                    }
                }
                "certification" => {
                    let mut one = Requirement::default();
                    for value in names(values) {
                        self.demand_certification(&mut one, value.ok_or(Malformed::Certification)?);
                    }
                    one
                }
                "retention" => Requirement {
                    retention: Retention::parse(values.trim()).ok_or(Malformed::Retention)?,
                    ..Requirement::default()
                },
                _ => return Err(Malformed::Whole),
            });
        }
        Ok(all)
    }
}

/// The part of `x-ark-require` that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its form, or a parameter that does not exist.
    Whole,
    /// A region's name.
    Region,
    /// A certification's name.
    Certification,
    /// The retention class.
    Retention,
}

impl Malformed {
    /// What it must be.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Whole => {
                "x-ark-require must be given once, as 'region=NAME; certification=NAME; retention=CLASS', with any of these three."
            }
            Self::Region => {
                "x-ark-require: region must be names of a-z 0-9 . _ -, with commas between."
            }
            Self::Certification => {
                "x-ark-require: certification must be names of a-z 0-9 . _ -, with commas between."
            }
            Self::Retention => {
                "x-ark-require: retention must be zero, transient, days-30, stored or training."
            }
        }
    }
}

/// The names of a list with commas; `None` for each that is not the form of a name.
fn names(list: &str) -> impl Iterator<Item = Option<&str>> {
    list.split(',').map(|name| {
        let name = name.trim();
        let is_name = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        is_name.then_some(name)
    })
}

#[cfg(test)]
pub(crate) mod tests;
