"""Frames sent live through a proxy: each must come back painted, and without the token none.

Needs: pip install websockets
Usage: check-live.py CERTIFICATE NAME CLIENT_ADDRESS TOKEN PHOTO
"""
import asyncio
import json
import ssl
import struct
import sys

import websockets

FRAMES, PATIENCE_S = 5, 60


async def session(certificate, name, client, first):
    """A socket of that client's that has sent its first message."""
    trust = ssl.create_default_context(cafile=certificate)
    socket = await websockets.connect(f"wss://{name}/api/v1/live", host="127.0.0.1", ssl=trust, local_addr=(client, 0),
                                      origin=f"https://{name}", max_size=None, compression=None)
    await socket.send(json.dumps(first))
    return socket, json.loads(await socket.recv())


async def main(certificate, name, client, token, photo):
    socket, told = await session(certificate, name, client, {})
    assert told["type"] == "/problems/unauthorized", told
    await socket.close()
    socket, told = await session(certificate, name, client, {"token": token, "style": "cel"})
    assert told["type"] == "ready", told
    frame = open(photo, "rb").read()
    for number in range(FRAMES):
        await socket.send(struct.pack(">I", number) + frame)
        while isinstance(painted := await asyncio.wait_for(socket.recv(), PATIENCE_S), str):
            assert json.loads(painted)["type"] == "figures", painted
        assert painted[:4] == struct.pack(">I", number) and painted[4:6] == b"\xff\xd8", painted[:8]
    await socket.close()


asyncio.run(main(*sys.argv[1:]))
