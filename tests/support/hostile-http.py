#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A repository server on loopback that misbehaves on request.

hostile-http.py ROOT [ADDRESS | CERTIFICATE KEY]: serves ROOT below /MODE/ for each MODE, on 127.0.0.1 or the address, by https with a
certificate. The port goes to stdout as a line; the server ends when its standard input does. Every request is a line in
ROOT/requests.log.
"""
import http.server
import os
import re
import socket
import socketserver
import ssl
import sys
import threading
import time

ROOT = sys.argv[1]
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, form, *args):
        with LOCK, open(os.path.join(ROOT, 'requests.log'), 'a') as log:
            log.write(form % args + '\n')

    def answer(self, body, code=200, length=None, headers=()):
        self.send_response(code)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def endless(self):
        """Until the client had enough; 1 GiB would be a test that fails."""
        self.send_response(200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for _ in range(16384):
            self.wfile.write(b'10000\r\n%s\r\n' % (b'A' * 65536))
        self.wfile.write(b'0\r\n\r\n')

    def drip(self, body, size, seconds):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        for i in range(0, len(body), size):
            self.wfile.write(body[i:i + size])
            self.wfile.flush()
            time.sleep(seconds)

    def redirect(self, to):
        self.answer(b'elsewhere', 302, headers=[('Location', to)])

    def do_GET(self):
        try:
            self.close_connection = True
            self.serve()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def serve(self):
        match = re.match(r'/([^/]+)/(.*)$', self.path)
        mode, path = match.groups() if match else ('', '')
        file = os.path.join(ROOT, path)
        if '..' in path or not os.path.isfile(file):
            return self.answer(b'not found', 404)
        body = open(file, 'rb').read()
        kind = 'repomd' if path.endswith('repomd.xml') else 'record' if '-dmv.' in path else 'rpm'
        what, _, which = mode.rpartition('-')
        if which == kind and what in ACTIONS:
            return ACTIONS[what](self, body, path)
        if kind == 'repomd' and mode in REPOMD:
            return self.answer(REPOMD[mode](body))
        return self.answer(body)


def flipped(body):
    return body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]


ACTIONS = {
    'endless': lambda h, b, p: h.endless(),
    'slow': lambda h, b, p: h.drip(b, 1, 0.4),
    'drip': lambda h, b, p: h.drip(b, 60, 0.1),
    'silent': lambda h, b, p: time.sleep(20),
    'gone': lambda h, b, p: h.answer(b'gone', 404),
    'broken': lambda h, b, p: h.answer(b'broken', 500),
    'short': lambda h, b, p: h.answer(b[:len(b) // 2], length=len(b)),
    'less': lambda h, b, p: h.answer(b[:len(b) // 2]),
    'more': lambda h, b, p: h.answer(b + b'x' * 1000),
    'altered': lambda h, b, p: h.answer(flipped(b)),
    'empty': lambda h, b, p: h.answer(b''),
    'moved': lambda h, b, p: h.redirect('/ok/' + p),
    'tofile': lambda h, b, p: h.redirect('file://' + os.path.abspath(os.path.join(ROOT, p))),
    'loop': lambda h, b, p: h.redirect(h.path),
}


def record(body):
    return re.search(rb'<data type="dmv">.*?</data>', body, re.S).group(0)


def href(new):
    return lambda b: re.sub(rb'href="repodata/[^"]*-dmv', b'href="' + new + b'-dmv', b)


def bomb(body):
    entities = b''.join(b'<!ENTITY e%d "%s">' % (i + 1, b'&e%d;' % i * 20) for i in range(9))
    return (b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY e0 "' + b'a' * 1000 + b'">' + entities +
            b']><repomd><revision>&e9;</revision></repomd>')


REPOMD = {
    'traversal': href(b'../repodata/x'),
    'sibling': href(b'../0-sibling/x'),
    'absolute': href(b'/repodata/x'),
    'scheme': href(b'file:///etc/x'),
    'encoded': href(b'repodata/%2e%2e/x'),
    'base': lambda b: re.sub(rb'<location (href="[^"]*-dmv)', rb'<location xml:base="http://127.0.0.1/" \1', b),
    'two': lambda b: b.replace(record(b), record(b) * 2),
    'none': lambda b: b.replace(record(b), b''),
    'md5': lambda b: b.replace(record(b), re.sub(rb'type="sha256">[0-9a-f]*', b'type="md5">' + b'0' * 32, record(b))),
    'nosize': lambda b: b.replace(record(b), re.sub(rb'<size>\d+</size>', b'', record(b))),
    'negative': lambda b: b.replace(record(b), re.sub(rb'<size>\d+', b'<size>-5', record(b))),
    'huge': lambda b: b.replace(record(b), re.sub(rb'<size>\d+', b'<size>99999999999', record(b))),
    'packed': lambda b: b.replace(record(b), record(b).replace(
        b'<location', b'<open-checksum type="sha256">' + b'0' * 64 + b'</open-checksum><location')),
    'noxml': lambda b: b[:len(b) // 2],
    'html': lambda b: b'<html><body>Welcome to the hotel</body></html>',
    'bomb': bomb,
}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a TLS client that does not like the certificate


address = sys.argv[2] if len(sys.argv) == 3 else '127.0.0.1'
Server.address_family = socket.AF_INET6 if ':' in address else socket.AF_INET
server = Server((address, 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
