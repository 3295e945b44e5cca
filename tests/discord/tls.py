"""What stands between an unchanged bot and a fake on loopback: an HTTP proxy that takes CONNECT, and speaks TLS as discord.com.

    python tests/discord/tls.py UPSTREAM_PORT DIR

makes an authority and a certificate of its own in DIR (ca.pem is what the bot is to trust), prints `proxying on
http://127.0.0.1:PORT` and hands on what comes for discord.com to the fake on UPSTREAM_PORT. Whoever asks for another host gets
502, and the host stands in DIR/strangers: nothing else may be contacted. It ends on SIGTERM and when its standard input closes."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys

HOST = "discord.com"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def certificates(directory):
    """rustls wants a leaf that is no authority, and reads the alternative names alone."""
    at = lambda name: os.path.join(directory, name)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=tests",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    openssl("req", *curve, "-keyout", at("leaf.key"), "-out", at("leaf.csr"), "-subj", f"/CN={HOST}")
    with open(at("leaf.ext"), "w", encoding="ascii") as file:
        file.write(f"basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:{HOST}\n")
    openssl("x509", "-req", "-in", at("leaf.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
            "-days", "2", "-extfile", at("leaf.ext"), "-out", at("leaf.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at("leaf.pem"), at("leaf.key"))
    return context


async def copy(source, sink):
    try:
        while piece := await source.read(1 << 16):
            sink.write(piece)
            await sink.drain()
    except (ConnectionError, ssl.SSLError):
        pass  # One side went away; so does the other.
    finally:
        sink.close()


class Proxy:
    def __init__(self, upstream, directory):
        self.upstream, self.directory = upstream, directory
        self.context = certificates(directory)

    async def attend(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        if method != "CONNECT":
            return await self.refuse(writer, "405 Method Not Allowed")
        if target != f"{HOST}:443":
            with open(os.path.join(self.directory, "strangers"), "a", encoding="ascii") as file:
                file.write(target + "\n")
            return await self.refuse(writer, "502 Bad Gateway")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        try:
            await writer.start_tls(self.context)
        except (ConnectionError, ssl.SSLError):
            return writer.close()  # It does not trust us.
        there, back = await asyncio.open_connection("127.0.0.1", self.upstream)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def refuse(self, writer, status):
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode("ascii"))
        await writer.drain()
        writer.close()


async def main(upstream, directory):
    proxy = Proxy(upstream, directory)
    server = await asyncio.start_server(proxy.attend, "127.0.0.1", 0)
    print(f"proxying on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    reading = loop.run_in_executor(None, sys.stdin.buffer.read)
    await asyncio.wait([reading, asyncio.create_task(over.wait())], return_when=asyncio.FIRST_COMPLETED)
    os._exit(0)  # Whoever is still being attended ends with it.


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
