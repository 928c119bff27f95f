"""Changes of `ark.yaml` while requests run: make before break, and nothing half."""

import json
import signal
from contextlib import closing

import pytest

from harness import config
from harness.client import Answer
from harness.config import DEMO_KEY
from harness.load import SteadyLoad
from harness.stack import Stack, make_stack
from harness.waiting import Stopwatch, eventually

FLEET = {"official": "openai", "azure": "azure-openai"}
# A change takes effect within 2 s; a test on a busy machine waits a little longer before it fails.
TAKES_EFFECT_S = 5


def text_with(fleet, providers: list[str], models: list[dict], keys: list[dict] | None = None):
    return config.text([config.provider(fleet[name]) for name in providers], models, keys)


def official_only(fleet) -> str:
    return text_with(fleet, ["official"], [config.model("chat", ["official"])])


def both(fleet) -> str:
    return text_with(fleet, ["official", "azure"], [config.model("chat", ["official", "azure"])])


def azure_first(fleet) -> str:
    return text_with(fleet, ["azure", "official"], [config.model("chat", ["azure", "official"])])


def reloads(stack: Stack, result: str) -> float:
    return stack.metric("ark_config_reloads_total", result=result)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda text: text.replace("provider: official", "provider: offical"), "official"),
        (lambda text: text + "surprise: 1\n", "surprise"),
        (lambda text: text[: len(text) // 2] + "\n  ]: [", None),
        (lambda _: "", None),
        (lambda text: text.replace("azure-openai", "azur"), None),
    ],
    ids=["reference", "field", "not-yaml", "empty", "kind"],
)
def test_a_bad_edit_changes_nothing_and_is_seen(edited, edit, problem):
    good = edited.config_file.read_text()
    version, rejected = edited.config_view()["snapshot"], reloads(edited, "rejected")
    with SteadyLoad(edited.url, "chat", connections=2) as load:
        edited.write_config(edit(good))
        eventually(lambda: reloads(edited, "rejected") == rejected + 1, 5, "it is counted")
        view = edited.config_view()
        assert view["snapshot"] == version
        assert view["bad_edit"]["problems"], view
        assert problem is None or problem in json.dumps(view["bad_edit"])
        assert edited.get(edited.admin_url + "/readyz").json()["config_rejected"] is True
        load.await_more(20)
        edited.write_config(good)
        eventually(lambda: edited.config_view()["bad_edit"] is None, 5, "the good file is taken")
    assert load.failures == []
    assert edited.config_view()["snapshot"] == version


@pytest.fixture(scope="module")
def edited():
    with make_stack(FLEET, both) as stack:
        yield stack


def test_a_provider_and_a_key_take_effect_without_a_failed_request(
    fresh_stack, record_property, capsys
):
    stack: Stack = fresh_stack(FLEET, official_only, workers=2)
    new_key = "ark-new-key"
    models = [config.model("chat", ["official"]), config.model("new", ["azure"])]
    keys = [config.key(DEMO_KEY), config.key(new_key)]
    with SteadyLoad(stack.url, "chat") as load, stack_client(stack, new_key) as newcomer:
        assert newcomer.chat("chat").status == 401
        watch = Stopwatch()
        stack.write_config(text_with(stack.fleet, ["official", "azure"], models, keys))

        answers: list[Answer] = []

        def serves() -> bool:
            answers.append(newcomer.chat("new"))
            return answers[-1].status == 200

        eventually(serves, TAKES_EFFECT_S, "the new provider serves the new key")
        seconds = watch.seconds
        # Never half: until it serves the key is not known, or the new model has nobody yet; a
        # target without its cluster or its credential is none.
        codes = {answer.error["code"] for answer in answers[:-1]}
        assert codes <= {"invalid_key", "no_target"}
        record_property("new_provider_and_key_s", seconds)
        with capsys.disabled():
            print(f" [in force after {seconds:.2f} s]", end="")
        # On every worker, for good.
        stack.await_ready(TAKES_EFFECT_S)
        for _ in range(50):
            assert stack.client(new_key).chat("new").status == 200
        load.await_more(50)
    assert load.failures == []


def stack_client(stack: Stack, key: str):
    return closing(stack.client(key))


def test_what_is_called_active_serves_at_once(fresh_stack):
    """A target enters the snapshot once Envoy has its cluster, its route and its credential."""
    names = {f"p{number}": "openai" for number in range(6)}

    def text(fleet) -> str:
        return text_with(fleet, list(names), config.models_of_a_fleet(fleet)[: len(names)])

    stack: Stack = fresh_stack(names, text, workers=2)
    answers = [stack.client().chat(config.only(name)) for name in names]
    assert [answer.status for answer in answers] == [200] * len(names), answers[-1].text


def test_providers_that_join_as_first_choice_fail_no_request(fresh_stack):
    """Each is asked for everything from the moment that it is in the snapshot, and not before."""
    names = [f"p{number}" for number in range(6)]

    def text(fleet, count: int) -> str:
        newest_first = names[count - 1 :: -1]
        return text_with(fleet, names[:count], [config.model("chat", newest_first)])

    kinds = dict.fromkeys(names, "openai")
    stack: Stack = fresh_stack(kinds, lambda fleet: text(fleet, 1), workers=2)
    with SteadyLoad(stack.url, "chat") as load:
        for count in range(2, len(names) + 1):
            stack.write_config(text(stack.fleet, count))
            used(stack, names[count - 1])
        stack.await_ready()
        load.await_more(50)
    assert load.failures == []


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
def test_a_provider_leaves_without_a_failed_request(fresh_stack, streamed):
    stack: Stack = fresh_stack(FLEET, azure_first, workers=2, scripted={"seen": 4})
    more = {"stream": True} if streamed else {}
    with SteadyLoad(stack.url, "chat", **more) as load:
        used(stack, "azure")
        stack.write_config(official_only(stack.fleet))
        eventually(
            lambda: "azure" not in stack.get(stack.envoy_admin_url + "/clusters").text,
            15,
            "Envoy has no cluster of the provider that left",
        )
        stack.fleet.forget()
        load.await_more(100)
        assert stack.fleet.stats()["azure"]["requests"] == 0
        # And comes back.
        stack.write_config(azure_first(stack.fleet))
        used(stack, "azure")
        load.await_more(100)
    assert load.failures == []


def used(stack: Stack, provider: str) -> None:
    eventually(
        lambda: stack.fleet.stats()[provider]["requests"] > 0, TAKES_EFFECT_S, f"{provider} serves"
    )


MOVING = {"old": "openai", "new": "openai", "other": "openai"}


def at(fleet, name: str) -> str:
    """The provider `moving` at one of two places, and another one behind it."""
    moving = config.provider(fleet[name]) | {"name": "moving"}
    model = config.model("chat", ["moving", "other"])
    return config.text([moving, config.provider(fleet["other"])], [model])


@pytest.mark.parametrize("same_key", [True, False], ids=["same-key", "another-key"])
def test_a_provider_whose_address_changes_moves_without_a_failed_request(fresh_stack, same_key):
    """The same name at another place: no request fails, and no key goes where it does not belong.

    With another key the provider leaves and joins again, and its model's other target serves
    meanwhile.
    """
    keys = {"old": "key-moving", "new": "key-moving"} if same_key else None
    stack: Stack = fresh_stack(MOVING, lambda fleet: at(fleet, "old"), keys, workers=2)
    with SteadyLoad(stack.url, "chat") as load:
        used(stack, "old")
        stack.write_config(at(stack.fleet, "new"))
        eventually(lambda: stack.fleet.stats()["new"]["requests"] > 0, 20, "the new place serves")
        stack.await_ready()
        stack.fleet.forget()
        load.await_more(100)
        assert stack.fleet.stats()["old"]["requests"] == 0
    assert load.failures == []
    for name in MOVING:
        statuses = set(stack.fleet.stats()[name]["statuses"])
        assert statuses <= {"200"}, f"{name} was sent a key that is not its own: {statuses}"


def test_a_hundred_swaps_under_load_are_each_whole(fresh_stack):
    """No failed request, and none that mixes two configurations.

    Generation n calls the model `gen-n`: the snapshot in an answer's head, the model that its head
    names and the model that the provider was asked for must all be of one generation.
    """
    stack: Stack = fresh_stack(FLEET, lambda fleet: generation(fleet, 0), workers=2)
    versions = {stack.config_view()["snapshot"]: 0}
    seen: list[tuple[str, str, str]] = []

    def keep(answer: Answer) -> None:
        headers = answer.headers
        seen.append((headers["x-ark-snapshot"], headers["x-ark-model"], answer.json()["model"]))

    with SteadyLoad(stack.url, "chat", on_answer=keep) as load:
        for number in range(1, 101):
            stack.write_config(generation(stack.fleet, number))
            # At once, instead of when it next looks: a hundred times that would be a minute.
            stack.sidecar.signal(signal.SIGHUP)
            versions[in_force(stack, number)] = number
        stack.await_ready()
        load.await_more(50)
    assert load.failures == []
    assert len(versions) == 101
    for version, said, asked in seen:
        assert version in versions, f"{version} was never in force"
        assert said == asked == f"gen-{versions[version]}"
    served = {version for version, _, _ in seen}
    assert len(served) >= 20, f"only {len(served)} generations were seen by requests"
    assert stack.vm_failures() == 0


def generation(fleet, number: int) -> str:
    model = config.model("chat", ["official", "azure"])
    for target in model["targets"]:
        target["model"] = f"gen-{number}"
    keys = [config.key(DEMO_KEY), config.key(f"ark-of-{number}")]
    return text_with(fleet, ["official", "azure"], [model], keys)


def in_force(stack: Stack, number: int) -> str:
    """Waits until the sidecar hands out this generation; its version."""

    def version() -> str | None:
        view = stack.config_view()
        current = {target["upstream_model"] for target in view["targets"]}
        return view["snapshot"] if current == {f"gen-{number}"} else None

    return eventually(version, 10, f"generation {number} is handed out")


def test_a_credential_file_that_changes_is_used_without_a_restart(fresh_stack, tmp_path):
    """A key is rotated where it is kept; `ark.yaml` stays as it is."""
    secret = tmp_path / "key"
    secret.write_text("key-that-expired\n")

    def text(fleet) -> str:
        provider = config.provider(fleet["official"]) | {"credential": {"file": str(secret)}}
        return config.text([provider], [config.model("chat", ["official"])])

    stack: Stack = fresh_stack({"official": "openai"}, text)
    client = stack.client()
    answer = client.chat("chat")
    assert (answer.status, answer.error["code"]) == (502, "provider_auth")
    secret.write_text("key-official\n")
    eventually(lambda: client.chat("chat").status == 200, 10, "the new key is used")
