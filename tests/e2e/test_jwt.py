"""Callers with tokens, and what is tried with forged ones: real tokens, through a real Envoy."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import jwt
import pytest
import yaml

from harness import config
from harness.client import CHAT, Client, chat_body
from harness.issuer import AUDIENCE, ISSUER, Issuer, part, payload
from harness.stack import Stack, make_stack
from harness.waiting import eventually

FLEET = {"official": "openai"}
SHARED_SECRET = b"a secret of 32 bytes, or of more.."
# Keys are fetched every second; machines can be slow.
PATIENCE_S = 20


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def ark(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    shared = tmp_path_factory.mktemp("jwks") / "machines.json"
    secret = {"kty": "oct", "kid": "m", "k": part(SHARED_SECRET), "alg": "HS256"}
    shared.write_text(json.dumps({"keys": [secret]}))
    identity = {
        "jwt": [
            {
                "name": "corp",
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "jwks": {"url": issuer.url, "cache_s": 1},
                "clock_skew_s": 5,
                "keys": [{"tenant": "acme", "key": "staff"}, {"tenant": "beta", "key": "guests"}],
                "claims": {
                    "tenant": "org",
                    "user": "sub",
                    "roles": ["realm", "roles"],
                    "priority": "urgency",
                },
            },
            {
                "name": "machines",
                "issuer": "https://machines.test",
                "audiences": [AUDIENCE],
                "jwks": {"file": str(shared)},
                "algorithms": ["HS256"],
                "key": "robots",
            },
        ]
    }

    def text(fleet) -> str:
        whole = yaml.safe_load(
            config.text(
                [config.provider(p) for p in fleet.providers.values()],
                [config.model("chat", FLEET), config.model("other", FLEET)],
                # One that has the form of no token, and one that nearly has.
                [config.key("ark-demo"), config.key("eyJ.an.old-key", "dotted")],
            )
        )
        rights = {"models": ["*"], "priorities": ["critical", "standard", "batch"]}
        whole["tenants"] += [
            {"name": "acme", "keys": [{"id": "staff"} | rights, {"id": "robots"} | rights]},
            {"name": "guests", "keys": [{"id": "guests", "models": ["other"]}]},
        ]
        # A number of requests that no other test comes near.
        limit = {"name": "each", "per": ["key"], "of": "requests", "limit": 3, "window": "month"}
        whole["limits"] = [limit | {"keys": ["robots"]}]
        access = [
            {
                "name": "no-other-for-interns",
                "effect": "deny",
                "who": {"roles": ["intern"]},
                "what": {"models": ["other"]},
            },
            {"name": "rest", "effect": "allow"},
        ]
        more = {"identity": identity, "access": access}
        return yaml.safe_dump(whole | more, sort_keys=False)

    with make_stack(FLEET, text, workers=2) as stack:
        yield stack


@pytest.fixture
def known(ark: Stack, issuer: Issuer) -> Stack:
    """That Ark, whose every worker has the issuer's keys."""
    ark.check()
    everyone_takes(ark, issuer.token())
    return ark


def status(ark: Stack, token: str, model: str = "chat") -> int:
    client = ark.client(token)
    answer = client.chat(model)
    client.close()
    return answer.status


def everyone_takes(ark: Stack, token: str, expected: int = 200) -> None:
    """Connections go to workers by chance: many in a row have met all."""
    eventually(
        lambda: all(status(ark, token) == expected for _ in range(8)), PATIENCE_S, f"{expected}"
    )


def refused(ark: Stack, headers: dict[str, str], code: str = "invalid_token") -> str:
    """What a caller with these headers is told, in either dialect; it is a 401."""
    client = Client(ark.url, None)
    try:
        openai = client.chat("chat", headers=headers)
        assert (openai.status, openai.error["code"]) == (401, code), openai.text
        assert openai.error["type"] == "authentication_error"
        body = {"model": "chat", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        anthropic = client.send("POST", "/v1/messages", json=body, headers=headers)
        assert anthropic.status == 401, anthropic.text
        assert anthropic.json()["error"]["type"] == "authentication_error"
        return openai.error["message"]
    finally:
        client.close()


def signed_by_hand(head: dict | bytes, claims: dict | bytes, key: bytes) -> str:
    """A token that no library makes, with HMAC over it."""
    text = f"{part(head)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), hashlib.sha256))}"


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
def test_a_token_lets_in_under_its_own_name(known: Stack, issuer: Issuer, kid: str):
    client = known.client(issuer.token(kid, sub=f"ann-{kid}"))
    answer = client.chat("chat", headers={"x-ark-priority": "critical"})
    client.close()
    assert answer.status == 200, answer.text
    (seen,) = known.fleet.seen("official", answer.request_id)
    names = " ".join(seen["headers"])
    assert "x-ark-verified" not in names and "jwt" not in names
    assert seen["headers"]["authorization"] == f"Bearer {known.fleet['official'].key}"

    def is_written() -> bool:
        spend = known.get(known.admin_url + "/v1/spend?group_by=tenant,key").json()
        return f"corp:ann-{kid}" in json.dumps(spend) and "acme" in json.dumps(spend)

    eventually(is_written, PATIENCE_S, "the ledger names the caller")


def test_the_tenant_that_a_token_names_decides_on_rights(known: Stack, issuer: Issuer):
    guest = issuer.token(org="beta")
    assert (status(known, guest, "other"), status(known, guest)) == (200, 403)
    for claims in ({"org": "gamma"}, {"org": None}, {"org": ["acme"]}, {"sub": None}):
        client = known.client(issuer.token(**claims))
        answer = client.chat("chat")
        client.close()
        assert (answer.status, answer.error["code"]) == (403, "identity_not_allowed"), claims


def test_rules_of_access_know_the_roles_that_a_token_brings(known: Stack, issuer: Issuer):
    intern = issuer.token(sub="ivy", realm={"roles": ["reader", "intern"]})
    engineer = issuer.token(sub="ivy", realm={"roles": ["engineer"]})
    client = known.client(intern)
    refusal = client.chat("other")
    client.close()
    assert (refusal.status, refusal.error["code"]) == (403, "access_denied")
    assert refusal.headers["x-ark-rule"] == "no-other-for-interns"
    assert (status(known, intern), status(known, engineer, "other")) == (200, 200)


def test_a_claim_of_priority_is_a_ceiling(known: Stack, issuer: Issuer):
    client = known.client(issuer.token(urgency="batch"))
    assert client.chat("chat").status == 200
    asked = client.chat("chat", headers={"x-ark-priority": "critical"})
    client.close()
    assert (asked.status, asked.error["code"]) == (403, "priority_not_allowed")


def test_a_shared_secret_is_taken_where_it_is_named(known: Stack):
    claims = payload(iss="https://machines.test")
    token = jwt.encode(claims, SHARED_SECRET, "HS256", headers={"kid": "m"})
    got = [status(known, token) for _ in range(12)]
    # And its callers share what a limit gives to that key.
    assert got.count(200) == 3 and set(got) == {200, 429}, got
    other = jwt.encode(claims, SHARED_SECRET + b"!", "HS256", headers={"kid": "m"})
    assert status(known, other) == 401
    dump = known.get(known.envoy_admin_url + "/config_dump?include_eds").text
    assert part(SHARED_SECRET) not in dump
    logs = "".join(words for _, words in known.logs())
    assert part(SHARED_SECRET) not in logs and token not in logs


def test_api_keys_go_on(known: Stack):
    for key in ("ark-demo", "eyJ.an.old-key"):
        assert status(known, key) == 200
    client = Client(known.url, None)
    assert client.chat("chat", headers={"x-api-key": "ark-demo"}).status == 200
    for headers, code in (
        ({}, "missing_key"),
        ({"authorization": "Bearer ark-nobody"}, "invalid_key"),
    ):
        assert client.chat("chat", headers=headers).error["code"] == code
    client.close()


def attacks(issuer: Issuer) -> dict[str, tuple[str, str]]:
    """Published attacks (RFC 8725 and the CVEs behind it): a token, and a word of the answer."""
    now = int(time.time())
    good = issuer.token()
    head, claims, signature = good.split(".")
    none = {"alg": "none", "typ": "JWT", "kid": "rsa"}
    confused = {"alg": "HS256", "typ": "JWT", "kid": "rsa"}
    stranger = Issuer()
    stranger.close()
    theirs = stranger.jwk("rsa")
    jku = {"jku": stranger.url, "x5u": stranger.url, "jwk": theirs}
    hours = 3600
    return {
        "none": (f"{part(none)}.{claims}.", ""),
        "none with a signature": (f"{part(none)}.{claims}.{signature}", ""),
        "nOnE": (f"{part(none | {'alg': 'nOnE'})}.{claims}.", ""),
        "signature left out": (f"{head}.{claims}.", ""),
        "HS256 with the public PEM": (
            signed_by_hand(confused, payload(), issuer.public_pem("rsa")),
            "",
        ),
        "HS256 with the modulus": (
            signed_by_hand(confused, payload(), issuer.jwk("rsa")["n"].encode()),
            "",
        ),
        "HS256 with nothing": (signed_by_hand(confused, payload(), b"\0"), ""),
        "another's key": (stranger.token(), "signature"),
        "another's key by jku, x5u and jwk": (stranger.token(head=jku), "signature"),
        "another's key under a path as kid": (
            stranger.token(head={"kid": "../../../../dev/null"}),
            "kid",
        ),
        "unknown kid": (issuer.token(head={"kid": "nobody"}), "kid"),
        "another key's kid": (issuer.token(head={"kid": "ed"}), "signature"),
        "no kid": (_without_kid(issuer), "kid"),
        "expired": (issuer.token(exp=now - 2 * hours), "expired"),
        "never expires": (issuer.token(exp=None), ""),
        "expires as text": (issuer.token(exp="4102444800"), ""),
        "not yet valid": (issuer.token(nbf=now + hours), "not valid yet"),
        "another audience": (issuer.token(aud="https://other.test"), "audience"),
        "no audience": (issuer.token(aud=None), "audience"),
        "another issuer": (issuer.token(iss="https://other.test"), "issuer"),
        "an issuer that begins alike": (issuer.token(iss=ISSUER + ".evil.test"), "issuer"),
        "no issuer": (issuer.token(iss=None), ""),
        "other claims under a good signature": (
            f"{head}.{part(payload(org='beta'))}.{signature}",
            "signature",
        ),
        "the other issuer's algorithm": (
            jwt.encode(payload(), SHARED_SECRET, "HS256", headers={"kid": "rsa"}),
            "",
        ),
        "an algorithm that is not named": (
            jwt.encode(payload(), issuer.keys["rsa"], "PS256", headers={"kid": "rsa"}),
            "",
        ),
        "a critical extension": (issuer.token(head={"crit": ["b64"], "b64": True}), "extension"),
        "a claim twice": (_with_a_claim_twice(issuer), ""),
        "two parts": (f"{head}.{claims}", "not known"),
        "five parts": (f"{good}.a.b", "not known"),
        "padding": (f"{head}.{claims}==.{signature}", "not known"),
        "a blank within": (f"{head}.{claims} .{signature}", "not known"),
        "broken base64": (f"{head}.{claims[:-1]}*.{signature}", "not known"),
        "broken JSON": (signed_by_hand(b'{"alg":"RS256"', payload(), b"x"), ""),
        "a list of claims": (signed_by_hand(confused, b"[]", b"x"), ""),
        "a signature of zeros": (
            f"{part({'alg': 'ES256', 'kid': 'ec'})}.{claims}.{part(bytes(64))}",
            "",
        ),
        "oversized": (issuer.token(junk="x" * 20_000), "too long"),
    }


def _without_kid(issuer: Issuer) -> str:
    return jwt.encode(payload(), issuer.keys["rsa"], "RS256")


def _with_a_claim_twice(issuer: Issuer) -> str:
    """The issuer signs what it does not understand; two readers would understand it differently."""
    doubled = json.dumps(payload()).replace("{", '{"org": "beta", ', 1).encode()
    return jwt.PyJWS().encode(doubled, issuer.keys["rsa"], "RS256", headers={"kid": "rsa"})


def test_published_attacks_are_refused(known: Stack, issuer: Issuer):
    wrong = {}
    for name, (token, word) in attacks(issuer).items():
        try:
            # What has not even the form of a token counts as an unknown key.
            code = "invalid_key" if word == "not known" else "invalid_token"
            said = refused(known, {"authorization": f"Bearer {token}"}, code)
            assert word in said, said
        except AssertionError as error:
            wrong[name] = str(error)[:300]
    assert not wrong, wrong
    assert status(known, issuer.token()) == 200
    assert known.vm_failures() == 0


def test_nobody_but_envoy_says_that_a_token_is_verified(known: Stack, issuer: Issuer):
    """Forged headers, several of them, and a good token somewhere in a longer header."""
    good, forged = issuer.token(), part(payload(sub="root"))
    bad = signed_by_hand({"alg": "RS256", "kid": "rsa"}, payload(sub="root"), b"x")
    said = {"x-ark-verified": forged, "x-ark-jwt": forged}
    said |= {"x-forwarded-client-cert": "URI=spiffe://x"}
    refused(known, said | {"authorization": f"Bearer {bad}"})
    refused(known, said, "missing_key")
    refused(known, said | {"authorization": f"Bearer {part(b'{}')}"}, "invalid_key")
    refused(known, {"authorization": f"Bearer {good} Bearer {good}"}, "invalid_key")
    refused(known, {"authorization": f"Basic Bearer {good}"}, "missing_key")
    refused(known, {"authorization": f"Bearer {bad}", "x-api-key": good})
    # The good token wins over what its bearer says beside it.
    client = known.client(good)
    answer = client.send("POST", CHAT, json=chat_body("chat"), headers=said)
    client.close()
    assert answer.status == 200
    (seen,) = known.fleet.seen("official", answer.request_id)
    assert not {"x-ark-verified", "x-ark-jwt", "x-forwarded-client-cert"} & set(seen["headers"])


def test_keys_are_rotated_and_an_outage_of_the_issuer_is_survived(known: Stack, issuer: Issuer):
    issuer.add("next")
    fresh = issuer.token("next")
    assert status(known, fresh) == 401
    issuer.served = ["rsa", "next"]
    everyone_takes(known, fresh)
    issuer.is_up, before = False, issuer.asked
    eventually(lambda: issuer.asked >= before + 8, PATIENCE_S, "Envoy has asked in vain")
    everyone_takes(known, fresh)
    issuer.is_up, issuer.served = True, ["next", "ec", "ed"]
    everyone_takes(known, issuer.token("rsa"), 401)
    assert status(known, fresh) == 200
    issuer.served = ["rsa", "ec", "ed"]
    everyone_takes(known, issuer.token("rsa"))
    everyone_takes(known, fresh, 401)
