#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that speak just enough of SMTP, IMAP, POP3, XMPP and PostgreSQL to start TLS, one after the
other on ports 25, 143, 110, 5222 and 5432; an HTTP proxy on 3128; an mDNS and an LLMNR responder.

Usage: dialogue.py CERTIFICATE KEY ADDRESS
"""
import socket, ssl, struct, sys, threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
ADDRESS = sys.argv[3]


def until(connection, mark):
    got = b""
    while mark not in got:
        more = connection.recv(4096)
        if not more:
            raise EOFError
        got += more
    return got


def smtp(c):
    c.sendall(b"220 mail.example.org ESMTP\r\n")
    until(c, b"\r\n")
    c.sendall(b"250-mail.example.org\r\n250 STARTTLS\r\n")
    until(c, b"STARTTLS\r\n")
    c.sendall(b"220 go ahead\r\n")


def imap(c):
    c.sendall(b"* OK imap.example.org ready\r\n")
    line = until(c, b"\r\n")
    if b"CAPABILITY" in line.upper():
        c.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + line.split()[0] + b" OK done\r\n")
        line = until(c, b"\r\n")
    c.sendall(line.split()[0] + b" OK begin\r\n")


def pop3(c):
    c.sendall(b"+OK pop.example.org\r\n")
    until(c, b"STLS\r\n")
    c.sendall(b"+OK begin\r\n")


def xmpp(c):
    until(c, b"version='1.0'>")
    c.sendall(b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
              b"xmlns='jabber:client' version='1.0' from='example.org' id='1'><stream:features>"
              b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    until(c, b"/>")
    c.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


def postgres(c):
    c.recv(8)
    c.sendall(b"S")


def starttls(port, dialogue):
    listener = socket.create_server((ADDRESS, port))
    while True:
        c, _ = listener.accept()
        try:
            dialogue(c)
            with context.wrap_socket(c, server_side=True) as secure:
                secure.recv(100)
        except (OSError, EOFError):
            pass


def proxy():
    listener = socket.create_server((ADDRESS, 3128))
    while True:
        c, _ = listener.accept()
        head = until(c, b"\r\n\r\n")
        if head.startswith(b"CONNECT"):
            c.sendall(b"HTTP/1.1 200 fine\r\n\r\n")
            with socket.create_connection((ADDRESS, 443)) as far:
                def back():
                    try:
                        while data := far.recv(65536):
                            c.sendall(data)
                    except OSError:
                        pass
                threading.Thread(target=back, daemon=True).start()
                while data := c.recv(65536):
                    far.sendall(data)
        else:
            c.sendall(b"HTTP/1.1 200 fine\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        c.close()


def responder(port, group):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                 socket.inet_aton(group) + socket.inet_aton(ADDRESS))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ADDRESS))
    while True:
        query, peer = s.recvfrom(9000)
        if query[2] & 0x80:
            continue
        end = query.index(b"\0", 12) + 1
        question = query[12:end]
        flush = 0x8001 if port == 5353 else 1
        record = question + struct.pack("!HHIH", 1, flush, 120, 4) + socket.inet_aton(ADDRESS)
        if port == 5353 and peer[1] == 5353:
            s.sendto(struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + record, (group, port))
        else:
            s.sendto(query[:2] + struct.pack("!HHHHH", 0x8000, 1, 1, 0, 0) + query[12:end + 4] + record, peer)


for port, dialogue in ((25, smtp), (143, imap), (110, pop3), (5222, xmpp), (5432, postgres)):
    threading.Thread(target=starttls, args=(port, dialogue), daemon=True).start()
threading.Thread(target=proxy, daemon=True).start()
threading.Thread(target=responder, args=(5353, "224.0.0.251"), daemon=True).start()
threading.Thread(target=responder, args=(5355, "224.0.0.252"), daemon=True).start()
threading.Event().wait()
