//! Everything a task needs on the machine: found, installed below `target/ark`, or named.

pub(crate) mod build;
pub(crate) mod deny;
pub(crate) mod envoy;
pub(crate) mod fakellm;
pub(crate) mod llm;
pub(crate) mod node;
pub(crate) mod python;

/// How to install a system package here, as a command.
pub(crate) fn install_command(debian: &str, others: &str) -> String {
    for (tool, command, packages) in [
        ("apt-get", "sudo apt-get install -y", debian),
        ("dnf", "sudo dnf install -y", others),
        ("apk", "sudo apk add", others),
        ("pacman", "sudo pacman -S", others),
        ("brew", "brew install", others),
    ] {
        if crate::workspace::on_path(tool).is_some() {
            return format!("{command} {packages}");
        }
    }
    format!("install {others} with your system's package manager")
}
