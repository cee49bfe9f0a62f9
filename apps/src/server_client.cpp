#include "server_client.hpp"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>

#include "answer_text.hpp"
#include "sse_reader.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

constexpr const char* kDefaultServer = "http://127.0.0.1:8080";
constexpr std::uint64_t kMostAnswerBytes = 256U << 20;
constexpr std::size_t kMostKeyFileBytes = 4096;
/// The server sends a comment each 15 s.
constexpr auto kStreamSilence = std::chrono::seconds(45);

std::string variable(const char* name) {
    const auto* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

Result<std::string> read_key(const ServerOptions& options) {
    if (options.key_file.empty()) return variable("STREAMGATE_API_KEY");
    auto text = read_file(options.key_file, kMostKeyFileBytes);
    if (!text) return text.error().within("--key-file");
    const auto last = text->find_last_not_of(" \t\r\n");
    text->resize(last == std::string::npos ? 0 : last + 1);
    if (text->empty())
        return Error{Errc::kInvalidArgument,
                     fmt::format("--key-file {}: the file is empty", options.key_file)};
    return std::move(*text);
}

Errc code_of(int status) {
    switch (status) {
        case 401:
        case 403:
            return Errc::kPermission;
        case 404:
        case 410:
            return Errc::kNotFound;
        case 409:
        case 412:
            return Errc::kMismatch;
        case 429:
            return Errc::kLimit;
        case 507:
            return Errc::kNoSpace;
        default:
            return status >= 500 ? Errc::kInternal : Errc::kBadData;
    }
}

std::string fault_text(const nlohmann::json& fault) {
    auto out = text(fault, "detail");
    if (out.empty()) out = text(fault, "title");
    if (const auto pointer = text(fault, "pointer"); !pointer.empty()) out = pointer + ": " + out;
    return out;
}

}  // namespace

std::string url_escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
    return out;
}

Error server_error(const ServerReply& reply) {
    const auto problem = nlohmann::json::parse(reply.body, nullptr, false);
    if (!problem.is_object())
        return {code_of(reply.status),
                fmt::format("the server answered {}; is it StreamGate?", reply.status)};
    auto text = fault_text(problem);
    if (const auto more = problem.find("errors"); more != problem.end() && more->is_array()) {
        text.clear();
        for (const auto& each : *more) text += (text.empty() ? "" : "; ") + fault_text(each);
    }
    if (const auto code = problem.find("code"); code != problem.end() && code->is_string())
        text += fmt::format(" ({})", printable(code->get<std::string>()));
    if (reply.status == 401) text += "; name a key by STREAMGATE_API_KEY or --key-file";
    return {code_of(reply.status), text};
}

ExitCode exit_code_of(const Error& error) {
    switch (error.code) {
        case Errc::kIo:
        case Errc::kTimeout:
            return ExitCode::kCannotConnect;
        case Errc::kInvalidArgument:
            return ExitCode::kUsage;
        case Errc::kCancelled:
            return ExitCode::kInterrupted;
        default:
            return ExitCode::kSomeFailed;
    }
}

ServerClient::ServerClient(std::string base, std::string key)
    : base_(std::move(base)), key_(std::move(key)) {
    protocols::HttpLimits limits;
    limits.redirects = 0;
    limits.total = std::chrono::minutes(10);
    limits.silence = std::chrono::minutes(5);
    client_ = std::make_shared<protocols::HttpClient>(limits);
    limits.total = std::chrono::milliseconds(0);
    limits.silence = kStreamSilence;
    streams_ = std::make_shared<protocols::HttpClient>(limits);
}

Result<ServerClient> ServerClient::open(const ServerOptions& options) {
    auto base = options.server.empty() ? variable("STREAMGATE_SERVER") : options.server;
    if (base.empty()) base = kDefaultServer;
    const char* from = options.server.empty() ? "STREAMGATE_SERVER" : "--server";
    if (!base.starts_with("http://") && !base.starts_with("https://"))
        return Error{Errc::kInvalidArgument,
                     fmt::format("{} takes an address such as http://127.0.0.1:8080 or "
                                 "https://host, not '{}'",
                                 from,
                                 printable(base))};
    while (base.ends_with('/')) base.pop_back();
    SG_TRY_ASSIGN(auto key, read_key(options));
    return ServerClient(std::move(base), std::move(key));
}

protocols::HttpRequest ServerClient::http_request(Request request) const {
    protocols::HttpRequest out;
    out.url = base_ + request.path;
    out.max_bytes = kMostAnswerBytes;
    out.method = std::move(request.method);
    out.headers = std::move(request.headers);
    if (!key_.empty()) out.headers.emplace_back("Authorization", "Bearer " + key_);
    if (request.body) {
        bool typed = false;
        for (const auto& [name, value] : out.headers) typed = typed || name == "Content-Type";
        if (!typed) out.headers.emplace_back("Content-Type", "application/json");
        out.body = std::move(request.body);
    }
    return out;
}

Error ServerClient::unreachable(const Error& why) const {
    if (why.code == Errc::kCancelled) return why;
    return {why.code == Errc::kTimeout ? Errc::kTimeout : Errc::kIo,
            fmt::format("cannot reach the server at {}: {}; start one with 'streamgate serve', or "
                        "name another by --server or STREAMGATE_SERVER",
                        protocols::printable_url(base_),
                        why.message)};
}

Result<ServerReply> ServerClient::send(Request request, std::stop_token stop) const {
    auto reply = client_->exchange(http_request(std::move(request)), std::move(stop));
    if (!reply) return unreachable(reply.error());
    return ServerReply{reply->head.status, std::move(reply->head.headers), std::move(reply->body)};
}

Result<ServerReply> ServerClient::call(Request request, std::stop_token stop) const {
    SG_TRY_ASSIGN(auto reply, send(std::move(request), std::move(stop)));
    if (reply.status >= 200 && reply.status < 300) return reply;
    return server_error(reply);
}

Status ServerClient::stream(const std::string& path,
                            std::int64_t last,
                            const OnEvent& on_event,
                            std::stop_token stop) const {
    Request request;
    request.path = path;
    request.headers = {{"Accept", "text/event-stream"}, {"Last-Event-ID", std::to_string(last)}};
    auto http = http_request(std::move(request));
    http.max_bytes = std::uint64_t{1} << 60;
    http.any_status = true;
    ServerReply refused;
    SseReader reader(on_event);
    const auto done = streams_->get(
        http,
        [&](std::span<const std::byte> bytes) -> Status {
            const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            if (refused.status == 200) return reader.push(text);
            if (refused.body.size() < kMostKeyFileBytes * 16) refused.body += text;
            return {};
        },
        std::move(stop),
        [&](const protocols::HttpHead& head) -> Status {
            refused.status = head.status;
            return {};
        });
    if (!done && done.error().code == Errc::kEndOfStream) return {};
    if (!done) return unreachable(done.error());
    if (refused.status != 200) return server_error(refused);
    return {};
}

}  // namespace sg::apps
