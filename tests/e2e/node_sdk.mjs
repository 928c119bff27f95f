// Uses the npm `openai` SDK as an application would; prints what it got as one line of JSON.
// Arguments: base URL, key, model.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 30_000 });
const messages = [{ role: "user", content: "Say hello." }];
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

async function failure(options, fields = {}) {
  try {
    await options.client.chat.completions.create(
      { model: options.model ?? model, messages, ...fields },
      { headers: options.headers },
    );
    return "no error";
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}

const got = {};
const { data, response } = await client.chat.completions
  .create({ model, messages })
  .withResponse();
got.chat = data.choices[0].message.content;
got.provider = response.headers.get("x-ark-provider");

got.stream = "";
got.usageUnasked = false;
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  got.stream += chunk.choices[0]?.delta?.content ?? "";
  got.usageUnasked ||= Boolean(chunk.usage);
}

const asked = { model, messages, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create(asked)) {
  got.usage = chunk.usage?.completion_tokens ?? got.usage;
}

const called = await client.chat.completions.create({ model, messages, tools });
got.tool = called.choices[0].message.tool_calls[0].function;
got.finish = called.choices[0].finish_reason;
const runner = client.chat.completions.stream({ model, messages, tools });
const final = await runner.finalChatCompletion();
got.streamedTool = final.choices[0].message.tool_calls[0].function.arguments;

got.models = [];
for await (const entry of client.models.list()) got.models.push(entry.id);
const vectors = await client.embeddings.create({
  model: "text-embedding-3-small",
  input: ["a", "b"],
  dimensions: 4,
});
got.dimensions = vectors.data.map((entry) => entry.embedding.length);

const stranger = new OpenAI({ baseURL, apiKey: "sk-nobody", maxRetries: 0 });
const script = (behaviour) => ({ "x-demo-script": behaviour });
got.errors = {
  authentication: await failure({ client: stranger }),
  notFound: await failure({ client, model: "gpt-9" }),
  badRequest: await failure({ client }, { stream: "yes" }),
  providers: await failure({ client, headers: script("*=status:500") }),
  streamedProviders: await failure({ client, headers: script("*=status:500") }, { stream: true }),
};
console.log(JSON.stringify(got));
