#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <base/ids.hpp>
#include <base/log.hpp>

#include "json_writer.hpp"
#include "on_pool.hpp"
#include "ready.hpp"
#include "upload_service.hpp"
#include "webhook_answers.hpp"

namespace sg::api {
namespace {

using server::BodyPart;
using server::Method;

std::string upload_json(const Uploads::Impl& service, const Upload& upload) {
    auto offset = std::max<std::int64_t>(upload.size, 0);
    if (!upload.whole) {
        const auto stored = stored_bytes(service.options.folder, upload.id);
        offset = stored ? static_cast<std::int64_t>(*stored) : 0;
    }
    JsonWriter out;
    out.begin_object()
        .member("id", upload.id)
        .member("uri", "upload:" + upload.id)
        .member("owner", upload.owner)
        .member("name", upload.name)
        .member("content_type", upload.content_type)
        .member("state", upload.whole ? "finished" : "open")
        .member("offset", offset);
    out.key("size");
    if (upload.size == kUnknownSize) {
        out.null();
    } else {
        out.value(upload.size);
    }
    if (!upload.sha256.empty()) out.member("sha256", upload.sha256);
    out.key("created").time(upload.created);
    out.key("finished").time(upload.finished);
    out.key("expires").time(upload.whole ? 0 : service.expires(upload));
    out.end_object();
    return out.take();
}

class PlainUploadRoutes {
  public:
    explicit PlainUploadRoutes(Uploads::Impl& service) : service_(service) {}

    server::Task<Reply> list(Call& call);
    server::Task<Reply> get(Call& call);
    server::Task<Reply> put(Call& call);
    server::Task<Reply> remove(Call& call);

  private:
    [[nodiscard]] server::Task<Reply> store(Call& call, Upload fresh);
    [[nodiscard]] server::Task<std::optional<Problem>> take_body(Call& call, Upload& upload);
    [[nodiscard]] server::Task<Reply> remove_held(Call& call,
                                                  Upload upload,
                                                  std::unique_ptr<Uploads::Impl::Hold> held);

    Uploads::Impl& service_;
};

/// Digests that a client sends beside the body.
std::optional<Problem> read_digest(const server::Request& request, Upload& into) {
    for (const std::string_view name : {"repr-digest", "content-digest"}) {
        const auto field = request.field(name);
        if (field.empty()) continue;
        const auto digest = parse_digest_field(field);
        if (!digest) {
            return problem("invalid_parameter",
                           fmt::format("{} is understood as sha-256=:BASE64:", name));
        }
        into.sha256 = *digest;
    }
    if (const auto field = request.field("x-checksum-sha256"); !field.empty()) {
        const auto digest = parse_sha256_hex(field);
        if (!digest || (!into.sha256.empty() && into.sha256 != *digest)) {
            return problem("invalid_parameter", "X-Checksum-Sha256 is 64 hex digits");
        }
        into.sha256 = *digest;
    }
    return std::nullopt;
}

}  // namespace

Problem body_problem(BodyPart::State state) {
    switch (state) {
        case BodyPart::State::kTooLarge:
            return problem("body_too_large", "there are more bytes than the upload may have");
        case BodyPart::State::kTimeout:
            return problem("request_timeout", "the bytes came too slowly; go on from the offset");
        default:
            return problem("malformed_request", "the chunked coding of the body is broken");
    }
}

Problem storage_problem(const Error& error) {
    if (error.code == Errc::kMismatch) return problem("checksum_mismatch", error.message);
    if (error.code == Errc::kNoSpace) {
        return problem("no_space", "the service's disk is full; go on when there is room");
    }
    log::error("upload_storage_failed reason=\"{}\"", error.message);
    return problem("internal", "the upload could not be stored; the service's log says more");
}

server::Task<Reply> PlainUploadRoutes::list(Call& call) {
    const auto limit = page_limit(call);
    if (!limit) return ready(problem("invalid_parameter", "limit lies from 1 to 1000"));
    auto reader = service_.database.read();
    if (!reader) return ready(problem_of(reader.error()));
    auto found = list_uploads(
        **reader, call.principal.visible_owner(), call.asked("cursor").value_or(""), *limit + 1);
    if (!found) return ready(problem_of(found.error()));
    const bool more = static_cast<std::int64_t>(found->size()) > *limit;
    if (more) found->resize(static_cast<std::size_t>(*limit));
    JsonWriter out;
    out.begin_object().key("items").begin_array();
    for (const auto& upload : *found) out.raw(upload_json(service_, upload));
    out.end_array().key("next_cursor");
    if (more) {
        out.value(found->back().id);
    } else {
        out.null();
    }
    out.end_object();
    return ready(json_response(200, out.take()));
}

server::Task<Reply> PlainUploadRoutes::get(Call& call) {
    const std::string id(call.param("upload"));
    auto reader = service_.database.read();
    if (!reader) return ready(problem_of(reader.error()));
    const auto found = find_upload(**reader, id, call.principal.visible_owner());
    if (!found) {
        return ready(found.error().code == Errc::kNotFound ? not_found("upload", id)
                                                           : problem_of(found.error()));
    }
    return ready(json_response(200, upload_json(service_, *found)));
}

server::Task<Reply> PlainUploadRoutes::put(Call& call) {
    const auto& request = call.request();
    Upload fresh;
    fresh.kind = "put";
    fresh.name = plain_file_name(call.param("upload"));
    if (fresh.name.empty() || fresh.name != call.param("upload")) {
        return ready(problem("invalid_path",
                             "the last part of the path is the file's name: at most 255 bytes of "
                             "UTF-8 without slashes and control characters"));
    }
    if (!request.field("content-encoding").empty() || !request.field("content-range").empty()) {
        return ready(problem("unsupported",
                             "the file comes whole and without a Content-Encoding; to send it in "
                             "pieces, use tus: POST /v1/uploads"));
    }
    if (auto refused = read_digest(request, fresh)) return ready(std::move(*refused));
    const auto length = call.exchange.body_length();
    if (length.value_or(0) > service_.options.max_bytes) {
        return ready(
            problem("body_too_large",
                    fmt::format("an upload may have {} bytes", service_.options.max_bytes)));
    }
    if (length) fresh.size = static_cast<std::int64_t>(*length);
    const auto type = request.field("content-type");
    if (type.size() <= 255) fresh.content_type = type;
    fresh.id = make_id("upl", service_.clock);
    fresh.owner = call.principal.owner;
    fresh.created = service_.now();
    return store(call, std::move(fresh));
}

server::Task<Reply> PlainUploadRoutes::store(Call& call, Upload fresh) {
    call.audit.subject = fresh.id;
    auto work = [this, &fresh](sql::Connection& db) -> Status {
        SG_TRY(service_.admit(db, fresh));
        return insert_upload(db, fresh);
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) {
        if (status.error().code != Errc::kLimit) co_return problem_of(status.error());
        co_return problem("quota_exceeded", status.error().message);
    }
    const auto held = service_.hold(fresh.id, &call.exchange);
    auto taking = take_body(call, fresh);
    auto refused = co_await std::move(taking);
    if (refused || call.exchange.lost()) {
        auto removing =
            on_pool(service_.pool, call.exchange, [&] { return service_.remove(fresh.id); });
        auto removed = co_await std::move(removing);
        if (!removed) log::warn("upload_not_removed reason=\"{}\"", removed.error().message);
        if (refused) co_return std::move(*refused);
        co_return std::monostate{};
    }
    auto response = json_response(201, upload_json(service_, fresh));
    response.add("Location", "/v1/uploads/" + fresh.id);
    co_return response;
}

server::Task<std::optional<Problem>> PlainUploadRoutes::take_body(Call& call, Upload& upload) {
    std::unique_ptr<UploadFile> file;
    auto opening = on_pool(service_.pool, call.exchange, [&]() -> Status {
        auto opened = UploadFile::open(service_.options.folder, upload.id, std::nullopt);
        if (!opened) return opened.error();
        file = std::move(*opened);
        return {};
    });
    auto opened = co_await std::move(opening);
    if (!opened) co_return storage_problem(opened.error());
    const auto most = service_.most_of(upload);
    auto receiving = service_.receive(call.exchange, *file, most);
    auto received = co_await std::move(receiving);
    const auto bytes = file->offset();
    file.reset();
    if (!received.written) co_return storage_problem(received.written.error());
    if (received.state == BodyPart::State::kLost) co_return std::nullopt;
    if (received.state != BodyPart::State::kEnd) co_return body_problem(received.state);
    auto finishing =
        on_pool(service_.pool, call.exchange, [&] { return service_.finish(upload, bytes); });
    auto finished = co_await std::move(finishing);
    if (!finished) co_return storage_problem(finished.error());
    upload.whole = true;
    upload.size = static_cast<std::int64_t>(bytes);
    upload.finished = service_.now();
    co_return std::nullopt;
}

server::Task<Reply> PlainUploadRoutes::remove(Call& call) {
    const std::string id(call.param("upload"));
    std::optional<Upload> upload;
    {
        auto reader = service_.database.read();
        if (!reader) return ready(problem_of(reader.error()));
        auto found = find_upload(**reader, id, call.principal.visible_owner());
        if (!found) {
            return ready(found.error().code == Errc::kNotFound ? not_found("upload", id)
                                                               : problem_of(found.error()));
        }
        upload = std::move(*found);
    }
    auto held = service_.hold(id, &call.exchange);
    if (!held) {
        auto refused = problem("locked",
                               "another request adds to this upload; it is being cut off, send "
                               "this again in a moment");
        refused.retry_after = std::chrono::seconds(1);
        return ready(std::move(refused));
    }
    return remove_held(call, std::move(*upload), std::move(held));
}

server::Task<Reply> PlainUploadRoutes::remove_held(Call& call,
                                                   Upload upload,
                                                   std::unique_ptr<Uploads::Impl::Hold> held) {
    bool wanted = false;
    auto removing = on_pool(service_.pool, call.exchange, [&]() -> Status {
        SG_TRY_ASSIGN(wanted, service_.needed(upload));
        return wanted ? Status() : service_.remove(upload.id);
    });
    auto removed = co_await std::move(removing);
    held.reset();
    if (wanted) {
        co_return problem("conflict",
                          "a job that has not ended needs this upload; cancel that first");
    }
    if (!removed) co_return storage_problem(removed.error());
    server::Response response;
    response.status = 204;
    response.add("Tus-Resumable", kTusVersion);
    co_return response;
}

void add_plain_upload_routes(Uploads::Impl& impl, ApiRouter& router) {
    auto routes = std::make_shared<PlainUploadRoutes>(impl);
    using Handler = server::Task<Reply> (PlainUploadRoutes::*)(Call&);
    const auto add = [&](Operation operation, std::string summary, Handler handler) {
        operation.tag = "uploads";
        operation.summary = std::move(summary);
        if (operation.method != Method::kGet) {
            operation.least = Role::kSubmitter;
            operation.audited = true;
        }
        operation.handler = [routes, handler](Call& call) { return ((*routes).*handler)(call); };
        router.add(std::move(operation));
    };
    Operation list;
    list.pattern = "/v1/uploads";
    list.id = "listUploads";
    list.response_schema = "UploadList";
    list.query = {{"limit", "at most so many", R"({"type":"integer","minimum":1,"maximum":1000})"},
                  {"cursor", "next_cursor of the page before"}};
    add(std::move(list), "All uploads, the newest first", &PlainUploadRoutes::list);

    Operation get;
    get.pattern = "/v1/uploads/{upload}";
    get.id = "getUpload";
    get.response_schema = "Upload";
    add(std::move(get), "An upload", &PlainUploadRoutes::get);

    Operation put;
    put.method = Method::kPut;
    put.pattern = "/v1/uploads/{upload}";
    put.id = "putUpload";
    put.response_schema = "Upload";
    put.success = 201;
    put.streams = true;
    put.headers = {{"X-Checksum-Sha256", "64 hex digits: the file must have this digest"},
                   {"Repr-Digest", "the same as RFC 9530 writes it: sha-256=:BASE64:"}};
    add(std::move(put), "Send a file whole; the path ends in its name", &PlainUploadRoutes::put);

    Operation remove;
    remove.method = Method::kDelete;
    remove.pattern = "/v1/uploads/{upload}";
    remove.id = "deleteUpload";
    remove.success = 204;
    add(std::move(remove), "Delete an upload with its bytes", &PlainUploadRoutes::remove);
}

}  // namespace sg::api
