use super::*;
use proptest::prelude::*;

/// Regions `eu-a`, `eu-b`, `us-a` and the group `eu`; certifications `soc2` and `hipaa`.
fn vocabulary() -> Vocabulary {
    let region = |name: &str, bits| RegionName {
        name: name.into(),
        regions: NameSet(bits),
    };
    Vocabulary {
        regions: vec![
            region("eu-a", 1),
            region("eu-b", 2),
            region("us-a", 4),
            region("eu", 3),
        ],
        certifications: vec!["soc2".into(), "hipaa".into()],
    }
}

fn assured(region: u64, certifications: u64, retention: Retention) -> Assurance {
    Assurance {
        region: NameSet(region),
        certifications: NameSet(certifications),
        retention,
    }
}

#[test]
fn a_header_says_what_is_required_and_by_which_kind_a_provider_falls_short() {
    let eu_zero = assured(2, 3, Retention::Zero);
    let us_days = assured(4, 1, Retention::Days30);
    let unknown = Assurance::default();
    let region = Some(Demand::Region);
    let certification = Some(Demand::Certification);
    let retention = Some(Demand::Retention);
    for (header, unmet) in [
        ("region=eu", [None, region, region]),
        ("region=eu-a", [region, region, region]),
        ("region=eu,us-a", [None, None, region]),
        ("region=eu;region=us-a", [region, region, region]),
        ("region=mars", [region, region, region]),
        (" certification = soc2 ", [None, None, certification]),
        (
            "certification=soc2,hipaa",
            [None, certification, certification],
        ),
        ("certification=fedramp", [certification; 3]),
        ("retention=zero", [None, retention, retention]),
        ("retention=days-30", [None, None, retention]),
        ("retention=training", [None, None, None]),
        (
            "retention=training; retention=zero",
            [None, retention, retention],
        ),
        (
            "region=us-a; certification=soc2; retention=stored",
            [region, None, region],
        ),
    ] {
        let required = vocabulary().read(header).unwrap();
        let found = [eu_zero, us_days, unknown].map(|a| required.unmet_by(&a));
        assert_eq!(found, unmet, "{header}");
    }
}

#[test]
fn what_cannot_be_read_is_never_taken_for_nothing() {
    let long = format!("region={}", "a,".repeat(REQUIRE_LIMIT_BYTES));
    for (header, malformed) in [
        ("", Malformed::Whole),
        ("eu", Malformed::Whole),
        ("region=eu;", Malformed::Whole),
        ("regions=eu", Malformed::Whole),
        ("Region=eu", Malformed::Whole),
        ("region=", Malformed::Region),
        ("region=eu,", Malformed::Region),
        ("region=EU", Malformed::Region),
        ("region=eu certification=soc2", Malformed::Region),
        ("certification=", Malformed::Certification),
        ("certification=soc 2", Malformed::Certification),
        ("retention=none", Malformed::Retention),
        ("retention=zero,stored", Malformed::Retention),
        (long.as_str(), Malformed::Whole),
    ] {
        assert_eq!(vocabulary().read(header), Err(malformed), "{header}");
    }
}

#[test]
fn retention_has_one_order_and_one_name_each() {
    assert!(Retention::ALL.is_sorted());
    for class in Retention::ALL {
        assert_eq!(Retention::parse(class.as_str()), Some(class));
        let json = serde_json::to_string(&class).unwrap();
        assert_eq!(json, format!("\"{}\"", class.as_str()));
    }
}

pub(crate) fn requirements() -> impl Strategy<Value = Requirement> {
    let parts = (
        prop::option::of(0u64..8),
        0u64..4,
        prop::bool::weighted(0.1),
        prop::sample::select(&Retention::ALL[..]),
    );
    parts.prop_map(
        |(regions, certifications, uncertified, retention)| Requirement {
            regions: regions.map(NameSet),
            certifications: NameSet(certifications),
            uncertified,
            retention,
            providers: None,
            rule: None,
            stand_ins: None,
        },
    )
}

fn assurances() -> impl Strategy<Value = Assurance> {
    let parts = (
        prop::sample::select(&[0u64, 1, 2, 4][..]),
        0u64..4,
        prop::sample::select(&Retention::ALL[..]),
    );
    parts.prop_map(|(region, certifications, retention)| assured(region, certifications, retention))
}

proptest! {
    #[test]
    fn both_together_admit_exactly_whom_each_admits(
        a in requirements(), b in requirements(), c in requirements(), provider in assurances(),
    ) {
        let admits = |r: Requirement| r.unmet_by(&provider).is_none();
        prop_assert_eq!(admits(a.and(b)), admits(a) && admits(b));
        prop_assert_eq!(a.and(b), b.and(a));
        prop_assert_eq!(a.and(b).and(c), a.and(b.and(c)));
        prop_assert_eq!(a.and(Requirement::default()), a);
    }

    #[test]
    fn no_header_widens_what_is_required(
        own in requirements(), provider in assurances(),
        header in "(region|certification|retention)=(eu|us-a|mars|soc2|zero|training)(; (region=eu-a|retention=stored))?",
    ) {
        if let Ok(asked) = vocabulary().read(&header)
            && own.and(asked).unmet_by(&provider).is_none()
        {
            prop_assert_eq!(own.unmet_by(&provider), None);
        }
    }

    #[test]
    fn no_header_panics(header in "\\PC*") {
        let _ = vocabulary().read(&header);
    }
}
