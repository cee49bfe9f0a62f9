#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <api/clip_routes.hpp>
#include <fmt/format.h>
#include <live/channel_registry.hpp>
#include <live/dvr_clip.hpp>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <base/ids.hpp>
#include <base/log.hpp>

#include "field_reader.hpp"
#include "offload.hpp"
#include "on_pool.hpp"
#include "output_answers.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using server::Method;

constexpr std::size_t kMostClipsWaiting = 16;
constexpr std::size_t kLongestText = 128;
constexpr std::size_t kUsualPage = 100;
constexpr std::size_t kLargestPage = 1'000;
constexpr std::size_t kMaxFacts = std::size_t{16} << 20;
constexpr const char* kNoun = "clip_";
/// What the answer was when a clip was made; it is the last file of it.
constexpr const char* kFacts = ".clip.json";

std::string folder_url(std::string_view clip) {
    return fmt::format("/v1/clips/{}/outputs/", clip);
}

bool is_clip_id(std::string_view id) {
    return id.starts_with(kNoun) && std::all_of(id.begin(), id.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '_' || c == '-';
           });
}

double seconds(std::chrono::milliseconds length) {
    return static_cast<double>(length.count()) / 1000;
}

json facts_of(const std::string& id,
              const std::string& channel,
              const fs::path& folder,
              const live::ClipSummary& made) {
    auto stretches = json::array();
    for (const auto& s : made.stretches)
        stretches.push_back({{"begins", rfc3339(s.begins)},
                             {"ends", rfc3339(s.ends)},
                             {"duration_s", seconds(s.length)}});
    return {{"id", id},
            {"channel", channel},
            {"folder", folder.string()},
            {"hls", folder_url(id) + "index.m3u8"},
            {"dash", folder_url(id) + "manifest.mpd"},
            {"begins", rfc3339(made.begins)},
            {"ends", rfc3339(made.ends)},
            {"duration_s", seconds(made.length)},
            {"segments", made.segments},
            {"bytes", made.bytes},
            {"stretches", std::move(stretches)},
            {"notes", made.notes}};
}

}  // namespace

struct ClipRoutes::Impl {
    Impl(const OutputRoutesOptions& settings, const Clock& time)
        : data(settings.data), clock(time), answers(settings, time) {
        boost::asio::post(makers, [this] { remove_halves(); });
    }
    ~Impl() { makers.join(); }

    const fs::path data;
    const Clock& clock;
    std::atomic<std::size_t> waiting{0};
    boost::asio::thread_pool makers{1};
    OutputAnswers answers;

    [[nodiscard]] fs::path folder_of(std::string_view id) const { return data / "clips" / id; }
    /// kNotFound also for ids that cannot be. Blocks.
    [[nodiscard]] Result<std::string> facts(std::string_view id) const;
    [[nodiscard]] Result<std::string> make(const live::ClipRequest& request,
                                           const std::string& id) const;
    [[nodiscard]] bool is_there(std::string_view id) const;
    [[nodiscard]] ServedOutputs served(std::string_view id) const;
    /// Ids of complete clips, the newest first. Blocks.
    [[nodiscard]] std::vector<std::string> ids() const;
    /// What a process was killed over while it made or deleted it.
    void remove_halves() const;

    [[nodiscard]] server::Task<Reply> create(Call& call);
    [[nodiscard]] server::Task<Reply> list(Call& call);
    [[nodiscard]] server::Task<Reply> get(Call& call);
    [[nodiscard]] server::Task<Reply> remove(Call& call);
    [[nodiscard]] server::Task<Reply> list_files(Call& call);
    [[nodiscard]] server::Task<Reply> download(Call& call);
    [[nodiscard]] server::Task<Reply> preflight(Call& call);
    [[nodiscard]] server::Task<Reply> sign(Call& call);
};

Result<std::string> ClipRoutes::Impl::facts(std::string_view id) const {
    if (!is_clip_id(id)) return Error{Errc::kNotFound, fmt::format("there is no clip '{}'", id)};
    return read_file(folder_of(id) / kFacts, kMaxFacts);
}

bool ClipRoutes::Impl::is_there(std::string_view id) const {
    std::error_code failed;
    return is_clip_id(id) && fs::exists(folder_of(id) / kFacts, failed);
}

ServedOutputs ClipRoutes::Impl::served(std::string_view id) const {
    ServedOutputs out;
    out.url = folder_url(id);
    out.files = [folder = folder_of(id)] { return OutputFiles::in(folder); };
    return out;
}

std::vector<std::string> ClipRoutes::Impl::ids() const {
    std::vector<std::string> out;
    std::error_code failed;
    for (fs::directory_iterator at(data / "clips", failed), end; !failed && at != end;
         at.increment(failed)) {
        auto id = at->path().filename().string();
        if (is_there(id)) out.push_back(std::move(id));
    }
    // Ids begin with the time.
    std::sort(out.begin(), out.end(), std::greater<>());
    return out;
}

void ClipRoutes::Impl::remove_halves() const {
    std::error_code failed;
    for (fs::directory_iterator at(data / "clips", failed), end; !failed && at != end;
         at.increment(failed)) {
        const auto id = at->path().filename().string();
        std::error_code kept;
        // What cannot be looked at is no half.
        if (!is_clip_id(id) ||
            fs::status(at->path() / kFacts, kept).type() != fs::file_type::not_found)
            continue;
        fs::remove_all(at->path(), kept);
        if (kept)
            log::warn(
                "clip_not_removed folder={} reason=\"{}\"", at->path().string(), kept.message());
    }
}

Result<std::string> ClipRoutes::Impl::make(const live::ClipRequest& request,
                                           const std::string& id) const {
    const auto made = live::make_clip(request);
    if (!made) {
        std::error_code ignored;
        fs::remove_all(request.output, ignored);
        return made.error();
    }
    auto text = facts_of(id, request.channel, request.output, *made).dump();
    if (auto status = write_file_atomic(request.output / kFacts, text, Durability::kNone);
        !status) {
        std::error_code ignored;
        fs::remove_all(request.output, ignored);
        return status.error();
    }
    return text;
}

server::Task<Reply> ClipRoutes::Impl::create(Call& call) {
    live::ClipRequest request;
    request.store = data;
    request.channel = std::string(call.param("app")) + "/" + std::string(call.param("name"));
    if (!live::valid_channel_name(request.channel)) co_return not_found("channel", request.channel);
    const auto body = read_object(call.request().body);
    if (const auto* bad = std::get_if<Problem>(&body)) co_return *bad;
    FieldReader fields(std::get<json>(body), {"from", "to"});
    for (auto [member, point] : {std::pair{"from", &request.from}, std::pair{"to", &request.to}}) {
        const auto text = fields.text(member, kLongestText);
        if (!text) continue;
        const auto parsed = live::parse_clip_point(*text);
        if (parsed)
            *point = *parsed;
        else
            fields.fault("invalid_value", member, parsed.error().message);
    }
    if (auto refused = fields.refused()) co_return *refused;
    if (waiting.load() >= kMostClipsWaiting)
        co_return problem("quota_exceeded",
                          fmt::format("{} clips are being made; try again", kMostClipsWaiting));
    const auto id = make_id("clip", clock);
    request.output = folder_of(id);
    call.audit.subject = request.channel;
    call.audit.details = json{{"clip", id}}.dump();
    ++waiting;
    auto work = [this, request = std::move(request), id] {
        auto made = make(request, id);
        --waiting;
        return made;
    };
    auto making = offload(call.exchange, makers, std::move(work));
    auto made = co_await std::move(making);
    if (!made) co_return problem_of(made.error());
    auto response = json_response(201, std::move(*made));
    response.add("Location", "/v1/clips/" + id);
    co_return response;
}

server::Task<Reply> ClipRoutes::Impl::list(Call& call) {
    const auto limit = limit_of(call, kUsualPage, kLargestPage);
    if (!limit)
        co_return problem("invalid_parameter",
                          fmt::format("limit lies from 1 to {}", kLargestPage));
    const auto before = call.asked("cursor");
    auto reading = on_pool(answers.pool(), call.exchange, [&]() -> std::string {
        auto all = ids();
        if (before) std::erase_if(all, [&](const std::string& id) { return id >= *before; });
        const auto count = std::min(*limit, all.size());
        JsonWriter out;
        out.begin_object().key("items").begin_array();
        for (std::size_t i = 0; i < count; ++i)
            if (const auto text = facts(all[i])) out.raw(*text);
        out.end_array().key("next_cursor");
        if (count < all.size())
            out.value(all[count - 1]);
        else
            out.null();
        return out.end_object().take();
    });
    auto text = co_await std::move(reading);
    co_return json_response(200, std::move(text));
}

server::Task<Reply> ClipRoutes::Impl::get(Call& call) {
    const std::string id(call.param("id"));
    auto reading = on_pool(answers.pool(), call.exchange, [&] { return facts(id); });
    auto text = co_await std::move(reading);
    if (!text && text.error().code == Errc::kNotFound) co_return not_found("clip", id);
    if (!text) co_return problem_of(text.error());
    co_return json_response(200, std::move(*text));
}

server::Task<Reply> ClipRoutes::Impl::remove(Call& call) {
    const std::string id(call.param("id"));
    auto deleting = on_pool(answers.pool(), call.exchange, [&]() -> Status {
        std::error_code failed;
        // It is none from here on, whatever happens to the rest.
        if (!is_clip_id(id) || !fs::remove(folder_of(id) / kFacts, failed))
            return failed ? errno_error(failed.value(), "remove clip " + id)
                          : Error{Errc::kNotFound, id};
        fs::remove_all(folder_of(id), failed);
        return failed ? Status(errno_error(failed.value(), "remove clip " + id)) : Status();
    });
    auto deleted = co_await std::move(deleting);
    if (!deleted && deleted.error().code == Errc::kNotFound) co_return not_found("clip", id);
    if (!deleted) co_return problem_of(deleted.error());
    server::Response response;
    response.status = 204;
    co_return response;
}

server::Task<Reply> ClipRoutes::Impl::list_files(Call& call) {
    const std::string id(call.param("id"));
    if (!is_there(id)) co_return not_found("clip", id);
    auto listing = answers.page(call, served(id));
    const auto page = co_await std::move(listing);
    if (const auto* refused = std::get_if<Problem>(&page)) co_return *refused;
    JsonWriter out;
    out.begin_object().member("clip", id);
    OutputAnswers::write_page(std::get<OutputPage>(page), folder_url(id), out);
    co_return json_response(200, out.end_object().take());
}

server::Task<Reply> ClipRoutes::Impl::download(Call& call) {
    const auto id = call.param("id");
    auto admitted = answers.admit(call, folder_url(id), Role::kOperator, "channels");
    if (auto* refused = std::get_if<Problem>(&admitted)) return ready(std::move(*refused));
    if (!is_there(id)) return ready(not_found("clip", id));
    return answers.send(call,
                        served(id),
                        std::string(call.param("path")),
                        std::move(std::get<std::string>(admitted)));
}

server::Task<Reply> ClipRoutes::Impl::preflight(Call& call) {
    return ready(answers.preflight(call));
}

server::Task<Reply> ClipRoutes::Impl::sign(Call& call) {
    const auto id = call.param("id");
    if (!is_there(id)) return ready(not_found("clip", id));
    return ready(answers.sign(call, folder_url(id)));
}

ClipRoutes::ClipRoutes(const OutputRoutesOptions& options, const Clock& clock)
    : impl_(std::make_unique<Impl>(options, clock)) {}

ClipRoutes::~ClipRoutes() = default;

void ClipRoutes::add_to(ApiRouter& router) {
    using Handler = server::Task<Reply> (Impl::*)(Call&);
    const auto add = [&](Operation operation, Handler handler) {
        operation.least = Role::kOperator;
        operation.handler = [impl = impl_.get(), handler](Call& call) {
            return (impl->*handler)(call);
        };
        router.add(std::move(operation));
    };
    constexpr const char* kTag = "channels";
    auto create = operation(Method::kPost,
                            "/v1/channels/{app}/{name}/clip",
                            "clipChannel",
                            kTag,
                            "Make a film of what its DVR window still has",
                            "Clip");
    create.request_schema = "ClipRequest";
    create.success = 201;
    create.max_body_bytes = 4096;
    create.audited = true;
    add(std::move(create), &Impl::create);
    auto list = operation(Method::kGet,
                          "/v1/clips",
                          "listClips",
                          kTag,
                          "Films of channels, newest first",
                          "ClipList");
    list.query = {{"limit", "at most so many", R"({"type":"integer","minimum":1,"maximum":1000})"},
                  {"cursor", "next_cursor of the page before"}};
    add(std::move(list), &Impl::list);
    add(operation(Method::kGet, "/v1/clips/{id}", "getClip", kTag, "What a clip holds", "Clip"),
        &Impl::get);
    auto remove =
        operation(Method::kDelete, "/v1/clips/{id}", "deleteClip", kTag, "Delete a clip", "");
    remove.success = 204;
    remove.audited = true;
    add(std::move(remove), &Impl::remove);

    auto outputs = output_operations("/v1/clips/{id}/outputs", "ClipOutput", kTag);
    outputs.list.summary = "The files of a clip";
    outputs.list.response_schema = "ClipOutputList";
    add(std::move(outputs.list), &Impl::list_files);
    add(std::move(outputs.sign), &Impl::sign);
    add(std::move(outputs.download), &Impl::download);
    add(std::move(outputs.preflight), &Impl::preflight);
}

}  // namespace sg::api
