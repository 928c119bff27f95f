"""OpenAI's Responses, as its official SDK speaks them."""

import json
from collections.abc import Sequence

import openai

from harness.config import DEMO_KEY
from harness.heard import Call, Heard, Refused
from harness.stack import Stack
from harness.wanted import PARAMETERS, SCHEMA, refused, scripted


class Responses:
    """OpenAI's Responses, stateless."""

    name = "responses"

    def __init__(self, stack: Stack, key: str = DEMO_KEY) -> None:
        self.sdk = openai.OpenAI(api_key=key, base_url=stack.url + "/v1", max_retries=0, timeout=30)

    def close(self) -> None:
        """Closes its connections."""
        self.sdk.close()

    def user(self, text: str, image: str | None = None) -> list:
        """A turn of the user's; `image` is a PNG in base64, or a URL."""
        if image is None:
            return [{"role": "user", "content": text}]
        url = image if image.startswith("http") else f"data:image/png;base64,{image}"
        parts = [
            {"type": "input_text", "text": text},
            {"type": "input_image", "image_url": url, "detail": "auto"},
        ]
        return [{"role": "user", "content": parts}]

    def results(self, calls: Sequence[Call], text: str = "sunny") -> list:
        """What the tools said."""
        kind = "function_call_output"
        return [{"type": kind, "call_id": c.id, "output": f"{c.name}: {text}"} for c in calls]

    def ask(
        self,
        model: str,
        turns: list,
        script: str | None = None,
        stream: bool = False,
        tools: Sequence[str] = (),
        system: str | None = None,
        schema: bool = False,
        think: bool = False,
        headers: dict[str, str] | None = None,
        **more: object,
    ) -> Heard:
        """Asks for the next turn of a conversation."""
        asked: dict = {"model": model, "input": turns}
        if system:
            asked["instructions"] = system
        if tools:
            function = {"type": "function", "description": "Tells the weather.", "strict": False}
            asked["tools"] = [function | {"name": t, "parameters": PARAMETERS} for t in tools]
        if schema:
            wanted = {"type": "json_schema", "name": "amount", "schema": SCHEMA, "strict": True}
            asked["text"] = {"format": wanted}
        if think:
            asked["reasoning"] = {"effort": "low", "summary": "auto"}
            asked["include"] = ["reasoning.encrypted_content"]
        asked |= {"extra_headers": scripted(script) | (headers or {})} | more
        try:
            return self._streamed(asked) if stream else self._whole(asked)
        except openai.APIError as error:
            raise refused(error) from error

    def _whole(self, asked: dict) -> Heard:
        raw = self.sdk.responses.with_raw_response.create(**asked)
        heard = Heard(raw.headers, "")
        self._response(heard, raw.parse())
        return heard

    def _response(self, heard: Heard, response: object) -> None:
        heard.model, heard.text = response.model, response.output_text
        for item in response.output:
            if item.type == "function_call":
                heard.calls.append(Call(item.call_id, item.name, json.loads(item.arguments)))
            if item.type == "reasoning":
                heard.thoughts += "".join(part.text for part in item.summary)
            if item.type == "message" and item.content[0].type == "refusal":
                heard.stop = "refused"
        heard.turn = [item.model_dump(exclude_none=True) for item in response.output]
        if response.status == "incomplete":
            reason = response.incomplete_details.reason
            heard.stop = {"max_output_tokens": "length", "content_filter": "refused"}[reason]
        assert response.status in ("completed", "incomplete"), response
        heard.stop = heard.stop or ("calls" if heard.calls else "end")
        usage = response.usage
        if usage is None:
            return
        heard.input_tokens, heard.output_tokens = usage.input_tokens, usage.output_tokens
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        heard.cached_tokens = usage.input_tokens_details.cached_tokens
        heard.thought_tokens = usage.output_tokens_details.reasoning_tokens

    def _streamed(self, asked: dict) -> Heard:
        raw = self.sdk.responses.with_raw_response.create(stream=True, **asked)
        heard, text, arguments, events = Heard(raw.headers, ""), "", {}, []
        final = None
        for event in raw.parse():
            events.append(event)
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.function_call_arguments.delta":
                heard.argument_pieces += 1
                arguments[event.item_id] = arguments.get(event.item_id, "") + event.delta
            if event.type == "error":
                raise Refused(200, "error", event.code, event.message)
            if event.type == "response.failed":
                error = event.response.error
                raise Refused(200, "response.failed", error.code, error.message)
            if event.type in ("response.completed", "response.incomplete"):
                final = event.response
        assert final is not None and events[-1].response is final, "a stream ends with its response"
        assert events[0].type == "response.created"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        self._response(heard, final)
        # What was said piece by piece is what is said in the end.
        assert text == heard.text
        assert [json.loads(whole) for whole in arguments.values()] == [
            call.arguments for call in heard.calls
        ]
        return heard
