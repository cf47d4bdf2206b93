"""The calls that tests make to a provider, the same ones through the sync and the async openai client."""

import asyncio

HELLO = [{"role": "user", "content": "Where is my parcel?"}]


class Sync:
    """The same calls, sync: a whole reply, the chunks of a streamed one, vectors."""

    def __init__(self, provider):
        self.client = provider.client

    def chat(self, *, messages=HELLO, client=None, **request):
        return self.client(**client or {}).chat.completions.create(model="m", messages=messages, **request)

    def chunks(self, **request):
        return list(self.chat(stream=True, **request))

    def embed(self, texts, **request):
        return self.client().embeddings.create(model="e", input=texts, **request)

    def models(self):
        return [model.id for model in self.client().models.list()]


class Async(Sync):
    """The same calls through the async client, each in an event loop of its own."""

    def __init__(self, provider):
        self.client = provider.async_client

    def _run(self, call, client=None):
        async def run():
            async with self.client(**client or {}) as one:
                return await call(one)

        return asyncio.run(run())

    def chat(self, *, messages=HELLO, client=None, **request):
        return self._run(lambda c: c.chat.completions.create(model="m", messages=messages, **request), client)

    def chunks(self, *, messages=HELLO, client=None, **request):
        async def read(c):
            stream = await c.chat.completions.create(model="m", messages=messages, stream=True, **request)
            return [chunk async for chunk in stream]

        return self._run(read, client)

    def embed(self, texts, **request):
        return self._run(lambda c: c.embeddings.create(model="e", input=texts, **request))

    def models(self):
        async def read(c):
            return [model.id async for model in c.models.list()]

        return self._run(read)


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
