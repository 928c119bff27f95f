"""The configuration of the tests of dialects: a strict provider of every kind."""

from itertools import permutations

from harness import config
from harness.config import only, pair
from harness.fleet import Fleet

VENDORS = [
    "deepseek",
    "qwen",
    "glm",
    "kimi",
    "doubao",
    "minimax",
    "mistral",
    "groq",
    "vllm",
    "ollama",
    "llama-cpp",
]
KINDS = {
    "openai": "openai",
    "azure": "azure-openai",
    "azure-v1": "azure-openai/v1",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex": "vertex",
    "bedrock": "bedrock",
    "bedrock-key": "bedrock",
} | {vendor: f"openai-compatible/{vendor}" for vendor in VENDORS}
NAMES = list(KINDS)
# One of each dialect: what fails over, fails over between these.
DIALECTS = ["openai", "anthropic", "gemini", "bedrock"]
KEYS = {"bedrock": "AKIDPOLYGLOT:secret-of-bedrock"}

# What providers call their models. Bedrock's and Gemini's names say what a model can.
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "vertex": "gemini-2.5-flash",
    "bedrock": CLAUDE,
    "bedrock-key": CLAUDE,
}
# A model of Google's that wants its calls' signatures back.
SIGNED_CALLS = "only-gemini-3"
SIGNED_CALLS_MODEL = "gemini-3-pro-preview"
# The same elsewhere.
SIGNED_CALLS_MOVED = "only-vertex-3"
# Two accounts that serve the same models of OpenAI's.
ACCOUNTS = [["openai", "azure-v1"], ["azure-v1", "openai"]]
# A model of OpenAI's that reasons: who speaks neither of its APIs is sent to it as Responses.
REASONER = "gpt-5.6"
# For clients that set no bound where the provider demands one.
DEFAULT_MAX_TOKENS = 3000


def upstream(name: str) -> str:
    """What a provider calls its model."""
    return MODELS.get(name) or config.upstream_model(name)


def model(name: str, providers: list[str], **more: object) -> dict:
    """A model that goes to these providers in turn; `more` is of the model."""
    entry = config.model(name, providers)
    for target in entry["targets"]:
        target["model"] = upstream(target["provider"])
        target["default_max_tokens"] = DEFAULT_MAX_TOKENS
    return entry | more


def reasoning(name: str, providers: list[str], **more: object) -> dict:
    """A model that is OpenAI's reasoning one at OpenAI and Azure; `more` is of those targets."""
    entry = model(name, providers)
    for target in entry["targets"]:
        if target["provider"] in ("openai", "azure-v1"):
            target |= {"model": REASONER} | more
    return entry


def models() -> list[dict]:
    """A model per provider, per pair of dialects, and per pair that moves on what it is refused."""
    pairs = [list(two) for two in permutations(DIALECTS, 2)]
    refused = {"fail_over_on": ["context_length", "content_policy"]}
    signed = model(SIGNED_CALLS, ["gemini"])
    signed["targets"][0]["model"] = SIGNED_CALLS_MODEL
    moved = model(SIGNED_CALLS_MOVED, ["vertex"])
    moved["targets"][0]["model"] = SIGNED_CALLS_MODEL
    return [
        *(model(only(name), [name]) for name in NAMES),
        *(model(pair(*two), two) for two in pairs),
        *(model("refused-" + pair(*two), two, **refused) for two in pairs),
        signed,
        moved,
        *(reasoning(f"reasons-{name}", [name]) for name in ("openai", "azure-v1")),
        reasoning("reasons-openai-anthropic", ["openai", "anthropic"]),
        reasoning("reasons-anthropic-openai", ["anthropic", "openai"]),
        *(reasoning("reasons-" + pair(*two), two) for two in ACCOUNTS),
        reasoning("keeps-openai-then-azure-v1", ACCOUNTS[0]) | {"on_loss": "reject"},
        reasoning("chat-openai", ["openai"], api="chat"),
        reasoning("responses-openai", ["openai"], api="responses", model="gpt-4.1"),
        model("every", DIALECTS[1:] + DIALECTS[:1]),
        model("embeddings", ["openai"]),
    ]


def text(fleet: Fleet) -> str:
    """The whole file."""
    providers = [config.provider(p) for p in fleet.providers.values()]
    return config.text(providers, models())
