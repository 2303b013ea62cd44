"""Files, many data channels, and data channels under loss: aiortc against a running `drywire serve --files`.

    python data.py http://127.0.0.1:8080 RELAY MEBIBYTES

RELAY is the port of a relay to the server's UDP port, which loses datagrams. Prints one line per check to standard error
and one line of JSON to standard output; exits with 0 or 1.
"""

import asyncio
import hashlib
import json
import os
import re
import sys
import time
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription

STEP = 20  # seconds for one thing to happen
PART = 60  # seconds for one check, but the file
CHANNELS = 1000
CHUNK = 64 * 1024
HIGH_WATER = 1024 * 1024


async def connect(server, relay=None):
    """A connection to the server; by the relay only, if there is one: then neither side knows another way to the other."""
    pc = RTCPeerConnection()
    connected = asyncio.get_running_loop().create_future()

    @pc.on("connectionstatechange")
    def changed():
        if pc.connectionState == "connected" and not connected.done():
            connected.set_result(None)

    pc.createDataChannel("first")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = pc.localDescription.sdp
    if relay:
        sdp = re.sub(r"a=candidate:.*\r\n", "", sdp)

    def post():
        body = json.dumps({"type": "offer", "sdp": sdp}).encode()
        request = urllib.request.Request(f"{server}/offer", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=STEP) as response:
            return json.load(response)["sdp"]

    answer = await asyncio.get_running_loop().run_in_executor(None, post)
    if relay:
        answer = re.sub(r"(a=candidate:\S+ \d+ udp \d+ [0-9.]+) \d+ ", rf"\1 {relay} ", answer)
    await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    await asyncio.wait_for(connected, STEP)
    return pc


def happens(emitter, event):
    """A future for the next event of this kind."""
    future = asyncio.get_running_loop().create_future()

    def resolve(*values):
        if not future.done():
            future.set_result(values[0] if values else None)

    emitter.once(event, resolve)
    return future


async def opened(channel):
    if channel.readyState != "open":
        await happens(channel, "open")


async def file(server, length):
    """Sends a file by the protocol drywire-file to a server that keeps it and offers it back. Returns seconds out and back."""
    pc = await connect(server)
    data = os.urandom(length)
    sha = hashlib.sha256(data).hexdigest()
    name = os.urandom(16).hex()
    channel = pc.createDataChannel("file", protocol="drywire-file")
    channel.bufferedAmountLowThreshold = HIGH_WATER // 4
    controls = asyncio.Queue()
    returned = hashlib.sha256()
    counted = 0

    @channel.on("message")
    def received(message):
        nonlocal counted
        if isinstance(message, bytes):
            returned.update(message)
            counted += len(message)
        elif not message.startswith("HAVE "):
            controls.put_nowait(message)

    async def told(words):
        message = await controls.get()
        assert message == words, f"told was {message}, not {words}"

    try:
        await opened(channel)
        started = time.monotonic()
        channel.send(f"OFFER {name} {length} random.bin")
        await told(f"ACCEPT {name} 0")
        for at in range(0, length, CHUNK):
            while channel.bufferedAmount > HIGH_WATER:
                await happens(channel, "bufferedamountlow")
            channel.send(data[at : at + CHUNK])
        channel.send(f"END {name} {sha}")
        await told(f"DONE {name} {sha}")
        out = time.monotonic() - started
        started = time.monotonic()
        offer = await controls.get()
        assert offer.startswith(f"OFFER {name} {length} random"), offer
        channel.send(f"ACCEPT {name} 0")
        await told(f"END {name} {sha}")
        assert counted == length and returned.hexdigest() == sha, f"{counted} of {length} bytes came back, or others"
        channel.send(f"DONE {name} {sha}")
        return {"mebibytes": length >> 20, "seconds_out": round(out, 1), "seconds_back": round(time.monotonic() - started, 1)}
    finally:
        await pc.close()


async def many(server):
    """Opens many channels, hears an echo on each, closes all; three times, on the same streams."""
    pc = await connect(server)
    started = time.monotonic()
    streams = []
    try:
        for turn in range(3):
            channels = [pc.createDataChannel(f"{turn}.{number}") for number in range(CHANNELS)]

            async def echo(channel):
                await opened(channel)
                heard = happens(channel, "message")
                channel.send(f"hello {channel.label}")
                message = await heard
                assert message == f"hello {channel.label}", f"channel {channel.label} heard {message}"

            await asyncio.gather(*map(echo, channels))
            streams.append(sorted(channel.id for channel in channels))
            assert len(set(streams[-1])) == CHANNELS
            closed = [happens(channel, "close") for channel in channels]
            for channel in channels:
                channel.close()
            await asyncio.gather(*closed)
        assert streams[0] == streams[1] == streams[2], "other streams were used again"
        return {"channels_seconds": round(time.monotonic() - started, 1), "highest_stream": streams[0][-1]}
    finally:
        await pc.close()


async def lossy(pc, count, length, every, **options):
    """Sends numbered messages, and returns the numbers that came back. Without `every`, it ends when a later message came through."""
    channel = pc.createDataChannel("numbered", **options)
    await opened(channel)
    numbers = []
    wrong = []
    news = asyncio.Event()

    def message(number):
        return number.to_bytes(4, "big") + bytes([number % 251]) * (length - 4)

    @channel.on("message")
    def received(data):
        number = int.from_bytes(data[:4], "big")
        numbers.append(number)
        if data != message(number):
            wrong.append(number)
        news.set()

    for number in range(count):
        # Little at a time, so that messages are given up because they were lost, and not because they had to wait.
        while channel.bufferedAmount > 16_000:
            await asyncio.sleep(0.005)
        channel.send(message(number))
        if number % 8 == 0:
            await asyncio.sleep(0.01)
    extra = count
    while (len(numbers) < count) if every else (max(numbers, default=0) < count):
        news.clear()
        if not every:
            # The channel has to work after its losses, too.
            channel.send(message(extra))
            extra += 1
        try:
            await asyncio.wait_for(news.wait(), 10 if every else 0.2)
        except TimeoutError:
            assert not every, f"{len(numbers)} of {count} messages came back"
    assert not wrong, f"messages have changed: {wrong}"
    closed = happens(channel, "close")
    channel.close()
    await closed
    return [number for number in numbers if number < count]


async def main(server, relay, length):
    figures = {}

    async def check(name, limit, awaitable):
        started = time.monotonic()
        value = await asyncio.wait_for(awaitable, limit)
        print(f"ok      {name} ({(time.monotonic() - started) * 1000:.0f} ms)", file=sys.stderr)
        return value

    name = "a file goes out and comes back with the same SHA-256"
    figures |= await check(name, 600, file(server, length))
    name = f"{CHANNELS} channels are opened, echo, are closed, and opened again on the same streams"
    figures |= await check(name, PART, many(server))
    pc = await check("connected through the relay", STEP, connect(server, relay))
    try:
        name = "under loss everything comes back in order on a reliable channel"
        numbers = await check(name, PART, lossy(pc, 300, 3000, True))
        assert numbers == list(range(300)), numbers
        name = "under loss everything comes back once on an unordered channel, not all in order"
        numbers = await check(name, PART, lossy(pc, 300, 3000, True, ordered=False))
        assert sorted(numbers) == list(range(300)), numbers
        assert numbers != sorted(numbers), "all came in order: nothing was lost, or the channel keeps the order"
        for ordered in (False, True):
            name = f"under loss some messages are given up, and no others: ordered {ordered}, no retransmission"
            numbers = await check(name, PART, lossy(pc, 500, 1000, False, ordered=ordered, maxRetransmits=0))
            assert len(set(numbers)) == len(numbers), "a message came twice"
            assert not ordered or numbers == sorted(numbers), f"not in order: {numbers}"
            lost = 500 - len(numbers)
            assert 0 < lost < 250, f"{lost} of 500 messages were given up"
            figures[f"given up, ordered {ordered}"] = lost
        name = "after all that, everything comes back on a reliable channel"
        numbers = await check(name, PART, lossy(pc, 100, 3000, True))
        assert numbers == list(range(100)), numbers
    finally:
        await pc.close()
    return figures


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python data.py http://HOST:PORT RELAY MEBIBYTES")
    try:
        outcome = {"result": "ok", **asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) << 20))}
    except Exception as error:
        print(f"FAILED  {type(error).__name__}: {error}", file=sys.stderr)
        outcome = {"result": "failed", "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(outcome))
    sys.exit(0 if outcome["result"] == "ok" else 1)
