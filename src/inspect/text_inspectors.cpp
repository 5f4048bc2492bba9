// SPDX-License-Identifier: GPL-2.0-or-later
#include "hello_findings.hpp"
#include "tollgate/inspect/inspectors.hpp"
#include "tollgate/wire/http.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate {
namespace {

Finding identification(std::string_view text) {
  for (const std::string_view version : {"SSH-2.0-", "SSH-1.99-"}) {
    if (text.starts_with(version)) return Finding::found;
    if (!text.empty() && may_start_with(text, version)) return Finding::need_more;
  }
  return Finding::not_this;
}

}  // namespace

Inspected inspect_http(StreamBytes client, Findings& out) {
  const std::string_view text = as_text(client);
  if (text.starts_with(kHttp2Preface)) {
    out.protocol = Spoken::http2;
    out.encrypted = false;
    return {Finding::found, 0};
  }
  // The preface looks like a request up to its middle.
  if (text.size() >= 3 && may_start_with(text, kHttp2Preface))
    return {Finding::need_more, kHttp2Preface.size()};
  const Result<HttpRequest, HttpError> request = parse_http_request(client);
  if (request) {
    out.protocol = Spoken::http;
    out.encrypted = false;
    out.http_host = plain_host(request->host);
    out.http_connect = request->connect;
    return {Finding::found, 0};
  }
  switch (request.error()) {
    case HttpError::need_more:
      return {Finding::need_more, 0};
    case HttpError::not_http:
      return {Finding::not_this, 0};
    case HttpError::malformed:
      break;
  }
  out.protocol = Spoken::http;
  out.encrypted = false;
  out.malformed = true;
  return {Finding::malformed, 0};
}

Inspected inspect_ssh(StreamBytes client, StreamBytes server, Findings& out) {
  const Finding near = identification(as_text(client)), far = identification(as_text(server));
  if (near != Finding::found && far != Finding::found) {
    const bool may = near == Finding::need_more || far == Finding::need_more;
    return {may ? Finding::need_more : Finding::not_this, 0};
  }
  // One that identifies itself as SSH while the other says something else is not SSH.
  if ((near == Finding::not_this && !client.empty())) return {Finding::not_this, 0};
  out.protocol = Spoken::ssh;
  out.encrypted = true;
  return {Finding::found, 0};
}

}  // namespace tollgate
