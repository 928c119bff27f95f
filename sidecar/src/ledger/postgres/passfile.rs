//! PostgreSQL's own file of passwords (<https://www.postgresql.org/docs/current/libpq-pgpass.html>):
//! `HOST:PORT:DATABASE:USER:PASSWORD`, where `*` is any, and the first line that fits counts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use zeroize::Zeroizing;

use crate::credential::Secret;

const DEFAULT_PORT: u16 = 5_432;

/// The password for a place.
///
/// # Errors
/// In words for the operator: the file cannot be read, others can read it, or no line is for this place.
pub(super) fn read(file: &Path, place: &Config) -> Result<Secret, String> {
    let shown = file.display();
    let unreadable =
        |error: std::io::Error| format!("cannot read the password file {shown}: {error}");
    let mode = std::fs::metadata(file)
        .map_err(unreadable)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "the password file {shown} is open to others than its owner (mode {:o}): chmod 600",
            mode & 0o777
        ));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(unreadable)?);
    let wanted = Wanted::all(place);
    let found = wanted.iter().find_map(|wanted| wanted.find(&text));
    found.map(Secret::new).ok_or_else(|| {
        let places: Vec<String> = wanted.iter().map(Wanted::to_string).collect();
        format!(
            "the password file {shown} has no line for {}",
            places.join(" or ")
        )
    })
}

/// What a line is to be for.
struct Wanted([String; 4]);

impl Wanted {
    /// For each host, in the order in which they are tried.
    fn all(place: &Config) -> Vec<Self> {
        let user = place.get_user().unwrap_or_default();
        let database = place.get_dbname().unwrap_or(user);
        let ports = place.get_ports();
        let of = |(n, host): (usize, &Host)| {
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            };
            let port = ports.get(n).or(ports.first()).unwrap_or(&DEFAULT_PORT);
            Self([host, port.to_string(), database.to_owned(), user.to_owned()])
        };
        place.get_hosts().iter().enumerate().map(of).collect()
    }

    fn find(&self, text: &str) -> Option<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(fields).find_map(|fields| {
            let (password, place) = fields.split_last()?;
            let fits = |(field, wanted): (&String, &String)| field == "*" || field == wanted;
            (place.len() == self.0.len() && place.iter().zip(&self.0).all(fits))
                .then(|| password.clone())
        })
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(":"))
    }
}

/// The five fields of a line, the last of which may hold colons: `\:` and `\\` stand for themselves.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        let meant = match char {
            '\\' => chars.next().unwrap_or('\\'),
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(meant);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;
    use crate::testing::TempDir;

    const FILE: &str = "# ours\nnonsense\ndb.example.com:5432:ark:bob:wrong\n\
                        db.example.com:*:ark:ark:a\\:b\\\\c:d\n*:6543:*:ark:other\n/run/pg:5432:*:*:socket\n";

    fn written(mode: u32) -> (TempDir, std::path::PathBuf) {
        let dir = TempDir::new();
        let file = dir.path().join("pgpass");
        std::fs::write(&file, FILE).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, file)
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let (_dir, file) = written(0o600);
        for (url, password) in [
            ("postgresql://ark@db.example.com/ark", Some("a:b\\c:d")),
            ("postgresql://ark@db.example.com:6543/ark", Some("a:b\\c:d")),
            ("postgresql://ark@a:6543,b:6543/x", Some("other")),
            ("postgresql://ark@%2Frun%2Fpg/ark", Some("socket")),
            ("postgresql://ark@elsewhere/ark", None),
        ] {
            let found = read(&file, &Config::from_str(url).unwrap());
            match password {
                Some(password) => assert_eq!(found.unwrap().expose(), password, "{url}"),
                None => {
                    let problem = found.err().unwrap();
                    let part = "has no line for elsewhere:5432:ark:ark";
                    assert!(problem.contains(part), "{problem}");
                    assert!(!problem.contains("other"), "{problem}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let place = Config::from_str("postgresql://ark@db.example.com/ark").unwrap();
        let (_dir, file) = written(0o640);
        let problem = read(&file, &place).err().unwrap();
        assert!(problem.contains("(mode 640): chmod 600"), "{problem}");
        let problem = read(Path::new("/no/such/file"), &place).err().unwrap();
        assert!(
            problem.contains("cannot read the password file /no/such"),
            "{problem}"
        );
    }
}
