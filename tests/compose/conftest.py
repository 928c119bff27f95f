"""Says by its exit status when every test was skipped: a skipped level must not look like a passed one."""

ALL_SKIPPED = 77  # automake's convention; `cargo xtask test` reads it


def pytest_sessionfinish(session, exitstatus):
    reports = session.config.pluginmanager.get_plugin("terminalreporter").stats
    if exitstatus == 0 and "passed" not in reports and reports.get("skipped"):
        session.exitstatus = ALL_SKIPPED
