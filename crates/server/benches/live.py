"""Live paintings as clients see them: frames a second and how long after a frame was sent its painting came.

So many clients send the frames of a clip at 640×480 as the page does: 30 a second at most, two under way. With --photos one photo
after the other is handed in as a job meanwhile, and as many before with nobody live.
Needs: pip install websockets; ffmpeg
Usage: live.py ADDRESS CLIP CLIENTS SECONDS [--photos PHOTO]     (ADDRESS as 127.0.0.1:8080)
"""
import asyncio
import json
import statistics
import struct
import subprocess
import sys
import time
import urllib.request

import websockets

UNDER_WAY, CAMERA_FPS, SETTLING_S, PHOTOS = 2, 30, 8, 5


def frames(clip):
    whole = subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-t", "8", "-an", "-vf", "scale=640:480", "-q:v", "4", "-f", "image2pipe",
                            "-c:v", "mjpeg", "-"], check=True, capture_output=True).stdout
    return [b"\xff\xd8" + part for part in whole.split(b"\xff\xd8")[1:]]


async def client(address, files, number, end, figures):
    async with websockets.connect(f"ws://{address}/api/v1/live", max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"style": "meadow"}))
        assert json.loads(await socket.recv())["type"] == "ready"
        sent, done, told = {}, [], {}

        async def send():
            at = 17 * number
            while time.monotonic() < end:
                await asyncio.sleep(1 / CAMERA_FPS)
                if len(sent) < UNDER_WAY:
                    at += 1
                    sent[at] = time.monotonic()
                    await socket.send(struct.pack(">I", at) + files[at % len(files)])

        async def receive():
            nonlocal told
            while time.monotonic() < end:
                message = await socket.recv()
                if isinstance(message, str):
                    told = json.loads(message)
                    assert told["type"] == "figures", told
                    continue
                now, at = time.monotonic(), struct.unpack(">I", message[:4])[0]
                done.append((now, 1000 * (now - sent[at])))
                for old in [old for old in sent if old <= at]:
                    del sent[old]

        await asyncio.gather(send(), receive())
        figures.append((done, told.get("painted_at")))


def photo_s(address, photo):
    """How long a job takes from handing in to its painting."""
    start = time.monotonic()
    request = urllib.request.Request(f"http://{address}/api/v1/jobs?format=jpeg", data=photo, method="POST")
    with urllib.request.urlopen(request) as answer:
        job = answer.headers["Location"]
    while True:
        with urllib.request.urlopen(f"http://{address}{job}") as answer:
            state = json.load(answer)["state"]
        if state == "done":
            return time.monotonic() - start
        assert state in ("queued", "running"), state
        time.sleep(0.05)


async def main(address, clip, clients, seconds, *more):
    files, photo = frames(clip), open(more[1], "rb").read() if more else None
    if photo:
        photo_s(address, photo)
        print("photo alone, s:", " ".join(f"{photo_s(address, photo):.2f}" for _ in range(PHOTOS)))
    begin, figures = time.monotonic() + SETTLING_S, []
    end = begin + float(seconds)
    live = [asyncio.create_task(client(address, files, number, end, figures)) for number in range(int(clients))]
    if photo:
        await asyncio.sleep(SETTLING_S)
        took = []
        while time.monotonic() < end - 1:
            took.append(await asyncio.to_thread(photo_s, address, photo))
        print("photo beside, s:", " ".join(f"{s:.2f}" for s in took))
    await asyncio.gather(*live)
    counts = sorted(sum(at >= begin for at, _ in done) / float(seconds) for done, _ in figures)
    late = sorted(ms for done, _ in figures for at, ms in done if at >= begin)
    print(f"{clients} clients: frames a second of each from {counts[0]:.1f} to {counts[-1]:.1f}, together {sum(counts):.1f}; "
          f"ms from frame to painting: median {statistics.median(late):.0f}, 95 % {late[int(0.95 * (len(late) - 1))]:.0f}; "
          f"painted at {sorted({tuple(at) for _, at in figures if at})}")


asyncio.run(main(*sys.argv[1:]))
