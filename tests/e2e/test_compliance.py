"""A request goes only where its data may go: whoever asks, whatever is pinned, whoever fails."""

import json

import pytest

from harness import config, parts
from harness.client import CHAT, chat_body, exchange_bytes, status_of
from harness.stack import make_stack, run
from harness.waiting import eventually

KINDS = {"us": "openai", "eu": "azure-openai", "eu-two": "anthropic", "nowhere": "openai"}
ASSURED = {
    "us": {"region": "us-east-1", "certifications": ["soc2", "hipaa"], "retention": "days-30"},
    "eu": {"region": "swedencentral", "certifications": ["soc2", "iso27001"], "retention": "zero"},
    "eu-two": {"region": "europe-west4", "certifications": ["soc2"], "retention": "stored"},
    "nowhere": {},
}
GROUPS = {"eu": ["swedencentral", "westeurope", "europe-west4"]}
BY_TENANT, BY_KEY = "ark-of-tenant", "ark-of-key"


def text(fleet) -> str:
    providers = [config.provider(p, **ASSURED[p.name]) for p in fleet.providers.values()]
    chat = config.model("chat", KINDS)
    european = config.model("european", KINDS) | {"requires": {"regions": ["eu"]}}
    american = config.model("american", ["us"])
    # Everything but Azure makes embeddings here.
    embed = config.model("embed", ["us", "eu"])
    content = json.loads(json.dumps(config.yaml.safe_load(config.text(providers, []))))
    content["models"] = [chat, european, american, embed]
    content["region_groups"] = GROUPS
    of_key = config.key(BY_KEY) | {"requires": {"certifications": ["iso27001"]}}
    strict = {"name": "strict", "requires": {"regions": ["eu"], "retention": "stored"}}
    content["tenants"] += [
        {"name": "keyed", "keys": [of_key]},
        strict | {"keys": [config.key(BY_TENANT)]},
    ]
    return config.yaml.safe_dump(content, sort_keys=False)


@pytest.fixture(scope="module")
def ark():
    with make_stack(KINDS, text, workers=2) as stack:
        yield stack


def require(header: str, **more: str) -> dict[str, str]:
    return {"x-ark-require": header} | more


def unmet(answer, kind: str, param: str | None) -> str:
    """Checks a refusal to its last member, and that it tells nothing of what there is."""
    assert answer.status == 403, answer.text
    error = answer.error
    expected = ("compliance_unmet", "permission_error", param)
    assert (error["code"], error["type"], error["param"]) == expected
    assert answer.headers["x-ark-reject"] == "compliance_unmet"
    assert f"({kind})" in error["message"]
    for name in ("swedencentral", "europe-west4", "us-east-1", "eu-two", "nowhere", "azure"):
        assert name not in answer.text
    return error["message"]


@pytest.mark.parametrize(
    ("header", "goes_to"),
    [
        ("region=eu", ["eu", "eu-two"]),
        ("region=swedencentral", ["eu"]),
        ("region=us-east-1", ["us"]),
        ("region=eu; retention=zero", ["eu"]),
        ("certification=soc2,hipaa", ["us"]),
        ("certification=soc2; certification=iso27001", ["eu"]),
        ("retention=days-30", ["us", "eu"]),
        ("retention=stored; region=eu,us-east-1", ["us", "eu", "eu-two"]),
    ],
)
def test_only_compliant_providers_are_tried(ark, header, goes_to):
    client = ark.client()
    # Each fails in turn, until nobody is left who may be asked.
    for failing in range(len(goes_to)):
        faults = ", ".join(f"{name}=status:500" for name in goes_to[:failing])
        for stream in (False, True):
            answer = client.chat("chat", faults or None, require(header), stream=stream)
            assert answer.status == 200, answer.text
            # Who has failed before may be left out, but nobody else may come in.
            assert answer.headers["x-ark-provider"] in goes_to[failing:]
            assert set(ark.fleet.visited(answer.request_id)) <= set(goes_to)
    nobody = client.chat("chat", "*=status:500", require(header))
    assert nobody.status == 502, nobody.text
    tried = set(ark.fleet.visited(nobody.request_id))
    assert tried and tried <= set(goes_to)


@pytest.mark.parametrize("pin", ["us", "nowhere"])
def test_a_pin_does_not_lift_a_requirement(ark, pin):
    client = ark.client()
    assert client.chat("chat", headers={"x-ark-provider": pin}).status == 200
    for stream in (False, True):
        pinned = client.chat(
            "chat", headers=require("region=eu", **{"x-ark-provider": pin}), stream=stream
        )
        unmet(pinned, "region", "x-ark-require")
        assert ark.fleet.visited(pinned.request_id) == []
    of_model = client.chat("european", headers={"x-ark-provider": pin})
    assert "the model: region=eu" in unmet(of_model, "region", None)
    of_tenant = ark.client(BY_TENANT).chat("chat", headers={"x-ark-provider": pin})
    message = unmet(of_tenant, "region", None)
    assert "the tenant: region=eu; retention=stored" in message
    for refused in (of_model, of_tenant):
        assert ark.fleet.visited(refused.request_id) == []


def test_a_header_tightens_and_never_widens(ark):
    strict = ark.client(BY_TENANT)
    for header in ("region=us-east-1", "region=us-east-1,eu", "retention=training"):
        answer = strict.chat("chat", headers=require(header))
        if "eu" in header or "retention" in header:
            assert answer.status == 200, answer.text
            assert set(ark.fleet.visited(answer.request_id)) <= {"eu", "eu-two"}
        else:
            unmet(answer, "region", "x-ark-require")
            assert ark.fleet.visited(answer.request_id) == []
    both = strict.chat("chat", headers=require("retention=zero; certification=hipaa"))
    unmet(both, "certification", "x-ark-require")
    keyed = ark.client(BY_KEY).chat("chat")
    assert ark.fleet.visited(keyed.request_id) == ["eu"]
    refused = ark.client(BY_KEY).chat("american")
    assert "the key: certification=iso27001" in unmet(refused, "certification", None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, chat_body("chat")),
        ("/v1/completions", {"model": "chat", "prompt": "Say hello."}),
        ("/v1/embeddings", {"model": "embed", "input": "hello"}),
        ("/v1/responses", {"model": "chat", "input": "Say hello.", "store": False}),
        ("/v1/messages", chat_body("chat", max_tokens=16)),
        ("/v1/messages/count_tokens", chat_body("chat")),
    ],
)
def test_every_endpoint_alike(ark, path, body):
    client = ark.client()
    answer = client.send("POST", path, json=body, headers=require("region=mars"))
    assert answer.status == 403, answer.text
    assert answer.headers["x-ark-reject"] == "compliance_unmet"
    assert ark.fleet.visited(answer.request_id) == []
    allowed = client.send("POST", path, json=body, headers=require("retention=zero"))
    assert set(ark.fleet.visited(allowed.request_id)) <= {"eu"}, allowed.text


@pytest.mark.parametrize(
    "header",
    ["", "eu", "region=", "region=EU", "retention=none", "regions=eu", "region=eu;", "a=b"],
)
def test_what_cannot_be_read_is_refused_before_anybody_is_asked(ark, header):
    answer = ark.client().chat("chat", headers=require(header))
    assert answer.status == 400, answer.text
    assert (answer.error["code"], answer.error["param"]) == ("invalid_request", "x-ark-require")
    assert ark.fleet.visited(answer.request_id) == []


def test_a_requirement_given_twice_or_in_no_text_counts(ark):
    body = json.dumps(chat_body("chat")).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ark-demo\r\n"
        f"content-length: {len(body)}\r\n"
    ).encode()
    for lines in (
        b"x-ark-require: retention=training\r\nx-ark-require: region=eu\r\n",
        b"x-ark-require: region=eu\r\nX-Ark-Require: retention=training\r\n",
        b"x-ark-require: region=eu\xff\r\n",
    ):
        answer = exchange_bytes(ark.gateway_port, head + lines + b"\r\n" + body)
        assert status_of(answer) == 400, answer


def test_no_provider_sees_what_was_required(ark):
    answer = ark.client().chat("chat", headers=require("region=us-east-1"))
    (sent,) = ark.fleet.seen("us", answer.request_id)
    assert not [name for name in sent["headers"] if name.startswith("x-ark-")]


def test_models_that_may_not_be_asked_are_not_listed(ark):
    def listed(key: str, **headers: str) -> list[str]:
        reply = ark.client(key).get("/v1/models", headers=headers)
        return [model["id"] for model in reply.json()["data"]]

    every = ["american", "chat", "embed", "european"]
    assert listed("ark-demo") == every
    assert listed(BY_TENANT) == ["chat", "embed", "european"]
    assert listed("ark-demo", **require("region=us-east-1")) == ["american", "chat", "embed"]
    unmet(ark.client(BY_TENANT).get("/v1/models/american"), "region", None)
    assert ark.client(BY_TENANT).get("/v1/models/chat").status == 200


def test_refusals_are_counted_and_explained(ark):
    before = ark.metric("ark_rejects_total", code="compliance_unmet")
    unmet(ark.client(BY_TENANT).chat("american"), "region", None)
    eventually(
        lambda: ark.metric("ark_rejects_total", code="compliance_unmet") > before,
        5,
        "the refusal is counted",
    )
    command = [str(parts.ark()), "explain", "chat", "--config", str(ark.config_file)]
    command += ["--json", "--require", "region=eu; certification=iso27001"]
    explained = json.loads(run(command, ark.fleet.environment()))
    removed = {c["provider"]: c["removed_by"] for c in explained["candidates"]}
    assert removed == {
        "us": {"compliance": "region"},
        "eu": None,
        "eu-two": {"compliance": "certification"},
        "nowhere": {"compliance": "region"},
    }
    refused = run([*command, "--key", BY_TENANT.removeprefix("ark-"), "--pin", "us"])
    assert json.loads(refused)["refused"] == {"compliance": "region"}
