//! Replaying what the fuzz targets have found worth keeping.

use std::path::Path;

/// Seeds of the cuts that each input is read with.
pub(crate) const SEEDS: [u64; 6] = [0, 1, 2, 3, 1234, 987_655];

/// Hands every input of a fuzz target to `check`.
pub(crate) fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}
