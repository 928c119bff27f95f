"""The three dialects in which clients hold conversations, each spoken by its official SDK.

A voice asks in its SDK's own words; what is asked for is the same for all, so that one test can ask
it of every provider in every dialect.
"""

from harness.voice_chat import Chat
from harness.voice_messages import Messages
from harness.voice_responses import Responses

VOICES = {"chat": Chat, "responses": Responses, "messages": Messages}
Voice = Chat | Responses | Messages
