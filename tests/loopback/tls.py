"""What stands between an unchanged program and a fake on loopback: an HTTP proxy that takes CONNECT, and speaks TLS as others.

    python tests/loopback/tls.py UPSTREAM_PORT DIR HOST...

makes an authority, unless there is one, and a certificate in DIR (ca.pem is what the program is to trust), prints `proxying
on http://127.0.0.1:PORT` and hands on what comes for a HOST to the fake on UPSTREAM_PORT. Whoever asks for another host gets
502, and the host stands in DIR/strangers: nothing else may be contacted. It ends on SIGTERM and when its standard input
closes. Fakes that speak TLS themselves take their certificate from here."""

import asyncio
import os
import ssl
import subprocess
import sys

sys.dont_write_bytecode = True  # a checkout stays clean

from control import ended

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
LOOPBACK = "DNS:localhost,IP:127.0.0.1"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def authority(directory):
    """Its certificate and key. Whoever comes second finds it."""
    certificate, key = os.path.join(directory, "ca.pem"), os.path.join(directory, "ca.key")
    if not os.path.exists(certificate):
        openssl("req", "-x509", *CURVE, "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=tests",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    return certificate, key


def certified(directory, *hosts):
    """A server's side of TLS, as these hosts and loopback. rustls wants a leaf that is no authority, and reads the
    alternative names alone."""
    certificate, key = authority(directory)
    at = lambda ending: os.path.join(directory, f"{hosts[0] if hosts else 'localhost'}.{ending}")
    openssl("req", *CURVE, "-keyout", at("key"), "-out", at("csr"), "-subj", "/CN=leaf")
    names = ",".join([*(f"DNS:{host}" for host in hosts), LOOPBACK])
    with open(at("ext"), "w", encoding="ascii") as file:
        file.write(f"basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}\n")
    openssl("x509", "-req", "-in", at("csr"), "-CA", certificate, "-CAkey", key, "-CAcreateserial", "-days", "2",
            "-extfile", at("ext"), "-out", at("pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at("pem"), at("key"))
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
    def __init__(self, upstream, directory, *hosts):
        self.upstream, self.directory, self.hosts = upstream, directory, hosts
        self.context = certified(directory, *hosts)

    async def start(self):
        """The port that it listens on."""
        server = await asyncio.start_server(self.attend, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def attend(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        if method != "CONNECT":
            return await self.refuse(writer, "405 Method Not Allowed")
        if target not in (f"{host}:443" for host in self.hosts):
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


async def main(upstream, directory, *hosts):
    port = await Proxy(int(upstream), directory, *hosts).start()
    print(f"proxying on http://127.0.0.1:{port}", flush=True)
    await ended()
    os._exit(0)  # Whoever is still being attended ends with it.


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
