"""Drives aiortc (DTLS 1.2) against a running `drywire serve`.

    python echo.py http://127.0.0.1:8080

Prints one line per check to standard error and one line of JSON to standard output; exits with 0 or 1.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

LIMIT = 60  # seconds for everything
STEP = 20  # seconds for one thing to happen

MESSAGES = [
    "hello",
    "Grüße, 世界 🌍",
    b"\x00\x01\x02",
    b"\x00",
    "",
    b"",
    *(os.urandom(size) for size in (1, 1199, 1200, 1201, 16384, 65535, 65536, 262144)),
    "x" * 200000,
    "the last one",
]


def short(message):
    text = repr(message[:20])
    return f"{text} ({len(message)} long)"


async def post(url, description):
    def send():
        body = json.dumps({"type": description.type, "sdp": description.sdp}).encode()
        request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=STEP) as response:
            return json.load(response)

    return await asyncio.get_running_loop().run_in_executor(None, send)


def echoed(channel):
    """A future for the echo of MESSAGES: resolved when all came, rejected at the first wrong one."""
    done = asyncio.get_running_loop().create_future()
    waiting = list(MESSAGES)

    @channel.on("open")
    def opened():
        for message in MESSAGES:
            channel.send(message)

    @channel.on("message")
    def received(message):
        wanted = waiting.pop(0)
        if message != wanted and not done.done():
            done.set_exception(AssertionError(f"{channel.label}: sent {short(wanted)}, back came {short(message)}"))
        if not waiting and not done.done():
            done.set_result(len(MESSAGES))

    return done


async def main(server):
    figures = {}

    async def check(name, awaitable):
        started = time.monotonic()
        value = await asyncio.wait_for(awaitable, STEP)
        print(f"ok      {name} ({(time.monotonic() - started) * 1000:.0f} ms)", file=sys.stderr)
        return value

    pc = RTCPeerConnection()
    tracks = asyncio.Queue()
    pc.on("track", tracks.put_nowait)
    pc.addTrack(AudioStreamTrack())
    pc.addTrack(VideoStreamTrack())
    first = echoed(pc.createDataChannel("ordered"))
    connected = asyncio.get_running_loop().create_future()

    @pc.on("connectionstatechange")
    def changed():
        if pc.connectionState == "connected" and not connected.done():
            connected.set_result(None)
        elif pc.connectionState in ("failed", "closed") and not connected.done():
            connected.set_exception(AssertionError(f"the connection is {pc.connectionState}"))

    try:
        await pc.setLocalDescription(await pc.createOffer())
        answer = await check("an answer", post(f"{server}/offer", pc.localDescription))
        started = time.monotonic()
        await pc.setRemoteDescription(RTCSessionDescription(sdp=answer["sdp"], type=answer["type"]))
        await check("connected", connected)
        figures["connect_ms"] = round((time.monotonic() - started) * 1000)
        for _ in range(2):
            track = await check("a track", tracks.get())
            frames = 0
            while frames < 20:
                frame = await check(f"{track.kind} frame {frames}", track.recv())
                frames += 1
            figures[f"{track.kind}_frames"] = frames
            if track.kind == "video":
                figures["video_size"] = f"{frame.width}x{frame.height}"
        figures["messages"] = await check("text and binary come back, in order", first)
        later = echoed(pc.createDataChannel("opened later", protocol="some protocol"))
        figures["messages"] += await check("the same on a channel opened later", later)
        for limit in ({"maxRetransmits": 5}, {"maxPacketLifeTime": 5000}):
            partial = echoed(pc.createDataChannel("partial", **limit))
            figures["messages"] += await check(f"the same on a channel with {limit}", partial)
    finally:
        await pc.close()
    return figures


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python echo.py http://HOST:PORT")
    try:
        outcome = {"result": "ok", **asyncio.run(asyncio.wait_for(main(sys.argv[1]), LIMIT))}
    except Exception as error:
        print(f"FAILED  {type(error).__name__}: {error}", file=sys.stderr)
        outcome = {"result": "failed", "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(outcome))
    sys.exit(0 if outcome["result"] == "ok" else 1)
