#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <api/preset_routes.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <jobs/preset_table.hpp>
#include <nlohmann/json.hpp>

#include <presets/loader.hpp>

#include "job_query.hpp"
#include "job_routes_impl.hpp"
#include "json_body.hpp"
#include "json_writer.hpp"
#include "offload.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

using nlohmann::json;
using server::Method;

constexpr std::size_t kDocument = std::size_t{1} << 20U;
constexpr std::int64_t kMostStored = 1000;

std::vector<std::string> document_types() {
    return {"application/json", "application/yaml", "application/x-yaml", "text/yaml"};
}

const presets::LibraryEntry* library_entry(std::string_view name,
                                           std::optional<std::int64_t> version) {
    for (const auto& entry : presets::Library::embedded()) {
        if (entry.name == name && (!version || *version == entry.version)) return &entry;
    }
    return nullptr;
}

/// "video.ladder[2].crf" as "/video/ladder/2/crf".
std::string pointer_of(std::string_view field) {
    std::string pointer;
    std::string part;
    const auto end_part = [&] {
        if (!part.empty()) pointer += "/" + pointer_token(part);
        part.clear();
    };
    for (const char c : field) {
        if (c == '.' || c == '[' || c == ']') {
            end_part();
        } else {
            part += c;
        }
    }
    end_part();
    return pointer;
}

Problem fault_of(const presets::Problem& found) {
    auto detail = found.message;
    if (found.line > 0) detail = fmt::format("line {}: {}", found.line, detail);
    if (!found.accepted.empty())
        detail += fmt::format(" (accepted: {})", fmt::join(found.accepted, ", "));
    return problem("bad_preset", std::move(detail), pointer_of(found.field));
}

/// A preset that was read and is good, or why not.
struct Checked {
    std::optional<presets::Preset> preset;
    std::vector<Problem> faults;
};

Checked check(const std::string& text) {
    constexpr std::size_t kMostFaults = 200;
    Checked checked;
    for (const auto& found : presets::check_text(text, "preset")) {
        if (checked.faults.size() < kMostFaults) checked.faults.push_back(fault_of(found));
    }
    if (!checked.faults.empty()) return checked;
    auto preset = presets::preset_from_text(text, "preset");
    if (preset) {
        checked.preset = std::move(*preset);
    } else {
        checked.faults.push_back(problem("bad_preset", preset.error().message));
    }
    return checked;
}

void write_stored(JsonWriter& out, const jobs::StoredPreset& stored, bool whole) {
    auto preset = json::parse(stored.yaml, nullptr, false);
    const bool readable = preset.is_object();
    if (readable) preset["version"] = stored.version;
    out.begin_object()
        .member("name", stored.name)
        .member("version", stored.version)
        .member("source", "stored")
        .member("owner", stored.owner)
        .member("description", readable ? preset.value("description", "") : std::string())
        .member("digest", stored.digest);
    out.key("created").time(stored.created);
    if (whole) out.key("preset").raw(readable ? preset.dump() : "null");
}

}  // namespace

struct PresetRoutes::Impl {
    Impl(sql::Database& d, const Clock& c) : database(d), clock(c) {}
    ~Impl() { pool.join(); }

    sql::Database& database;
    const Clock& clock;
    boost::asio::thread_pool pool{1};

    [[nodiscard]] Reply list(const Call& call) const;
    [[nodiscard]] Reply get(const Call& call) const;
    [[nodiscard]] server::Task<Reply> add(Call& call);
    [[nodiscard]] server::Task<Reply> check_only(Call& call);
};

Reply PresetRoutes::Impl::list(const Call& call) const {
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto stored = jobs::list_presets(**db, call.principal.owner, "", kMostStored);
    if (!stored) return problem_of(stored.error());
    JsonWriter out;
    out.begin_object().key("items").begin_array();
    for (const auto& entry : presets::Library::embedded()) {
        out.begin_object()
            .member("name", entry.name)
            .member("version", entry.version)
            .member("source", "library")
            .member("description", entry.description)
            .end_object();
    }
    for (const auto& preset : *stored) {
        write_stored(out, preset, false);
        out.end_object();
    }
    out.end_array().end_object();
    return json_response(200, out.take());
}

Reply PresetRoutes::Impl::get(const Call& call) const {
    const auto asked = call.param("name");
    const auto at = asked.find('@');
    const auto name = asked.substr(0, at);
    std::optional<std::int64_t> version;
    if (at != std::string_view::npos) {
        std::int64_t number = 0;
        const auto* end = asked.data() + asked.size();
        const auto [stop, error] = std::from_chars(asked.data() + at + 1, end, number);
        if (error != std::errc{} || stop != end || number < 1) return not_found("preset", asked);
        version = number;
    }
    JsonWriter out;
    if (library_entry(name, std::nullopt) != nullptr) {
        const auto* entry = library_entry(name, version);
        if (entry == nullptr) return not_found("preset", asked);
        const auto preset = presets::load_preset(fmt::format("{}@{}", entry->name, entry->version));
        if (!preset) return problem_of(preset.error());
        out.begin_object()
            .member("name", entry->name)
            .member("version", entry->version)
            .member("source", "library")
            .member("description", entry->description)
            .member("digest", presets::digest(*preset));
        out.key("preset").raw(presets::canonical_json(*preset));
        out.key("versions").begin_array().value(entry->version).end_array().end_object();
        auto response = json_response(200, out.take());
        response.add("ETag", etag(entry->version));
        return response;
    }
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto stored = jobs::find_preset(**db, call.principal.owner, name, version);
    if (!stored) {
        if (stored.error().code == Errc::kNotFound) return not_found("preset", asked);
        return problem_of(stored.error());
    }
    const auto versions = jobs::preset_versions(**db, call.principal.owner, name);
    if (!versions) return problem_of(versions.error());
    write_stored(out, *stored, true);
    out.key("versions").begin_array();
    for (const auto& each : *versions) out.value(each.version);
    out.end_array().end_object();
    auto response = json_response(200, out.take());
    response.add("ETag", etag(stored->version));
    return response;
}

server::Task<Reply> PresetRoutes::Impl::add(Call& call) {
    std::int64_t number = 0;
    if (auto refused = read_if_match(call.request().field("if-match"), number))
        co_return std::move(*refused);
    std::optional<std::int64_t> expected;
    if (number > 0) expected = number;
    if (call.request().field("if-none-match") == "*") expected = 0;

    auto work = [text = call.request().body] { return check(text); };
    auto checked = co_await offload(call.exchange, pool, std::move(work));
    if (!checked.faults.empty()) {
        const auto& first = checked.faults.front();
        auto refused = problem("bad_preset", first.detail, first.pointer);
        if (checked.faults.size() > 1) refused.errors = std::move(checked.faults);
        co_return refused;
    }
    auto& preset = *checked.preset;
    if (library_entry(preset.name, std::nullopt) != nullptr) {
        co_return problem("conflict",
                          fmt::format("{} is a preset of the library; give yours another name, "
                                      "and \"extends\": \"{}\" to start from it",
                                      preset.name,
                                      preset.name),
                          "/name");
    }
    jobs::StoredPreset wanted;
    wanted.name = preset.name;
    wanted.owner = call.asked("owner").value_or("");
    preset.version = 1;  // the table counts versions; what is in a preset does not depend on them
    wanted.yaml = presets::canonical_json(preset);
    wanted.digest = presets::digest(preset);
    wanted.created = now_of(clock);
    call.audit.subject = "preset " + wanted.name;

    auto stored = std::make_shared<std::optional<jobs::StoredPreset>>();
    auto store = [stored, wanted, expected](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(*stored, jobs::add_preset(db, wanted, expected));
        return {};
    };
    const auto status = co_await write(call, database, std::move(store));
    if (!status && status.error().code == Errc::kMismatch)
        co_return problem("precondition_failed", status.error().message);
    if (!status) co_return problem_of(status.error());
    JsonWriter out;
    write_stored(out, **stored, true);
    out.end_object();
    auto response = json_response(201, out.take());
    response.add("Location", fmt::format("/v1/presets/{}@{}", wanted.name, (*stored)->version));
    response.add("ETag", etag((*stored)->version));
    co_return response;
}

server::Task<Reply> PresetRoutes::Impl::check_only(Call& call) {
    auto work = [text = call.request().body] { return check(text); };
    const auto checked = co_await offload(call.exchange, pool, std::move(work));
    JsonWriter out;
    out.begin_object().member("ok", checked.preset.has_value()).key("problems").begin_array();
    for (const auto& fault : checked.faults) {
        out.begin_object()
            .member("code", fault.code)
            .member("detail", fault.detail)
            .member("pointer", fault.pointer)
            .end_object();
    }
    out.end_array().key("preset");
    out.raw(checked.preset ? presets::canonical_json(*checked.preset) : std::string("null"));
    out.end_object();
    co_return json_response(200, out.take());
}

PresetRoutes::PresetRoutes(sql::Database& database, const Clock& clock)
    : impl_(std::make_unique<Impl>(database, clock)) {}

PresetRoutes::~PresetRoutes() = default;

void PresetRoutes::add_to(ApiRouter& router) {
    auto* impl = impl_.get();
    const auto described =
        [](Method method, const char* pattern, const char* id, const char* summary) {
            return operation(method, pattern, id, "presets", summary, "Preset");
        };
    auto list = described(Method::kGet, "/v1/presets", "listPresets", "Lists presets");
    list.response_schema = "PresetList";
    list.handler = [impl](Call& call) { return ready(impl->list(call)); };
    router.add(std::move(list));

    auto get = described(Method::kGet,
                         "/v1/presets/{name}",
                         "getPreset",
                         "A preset: NAME, its newest version, or NAME@VERSION");
    get.handler = [impl](Call& call) { return ready(impl->get(call)); };
    router.add(std::move(get));

    auto add = described(Method::kPost,
                         "/v1/presets",
                         "createPreset",
                         "Makes the next version of a preset; versions never change");
    add.least = Role::kOperator;
    add.audited = true;
    add.max_body_bytes = kDocument;
    add.request_schema = "PresetDocument";
    add.content_types = document_types();
    add.success = 201;
    add.query = {{"owner", "Whose preset it is; without it all owners can use it"}};
    add.handler = [impl](Call& call) { return impl->add(call); };
    router.add(std::move(add));

    auto check = described(Method::kPost,
                           "/v1/presets/check",
                           "checkPreset",
                           "All faults of a preset, without storing it");
    check.max_body_bytes = kDocument;
    check.request_schema = "PresetDocument";
    check.content_types = document_types();
    check.response_schema = "PresetCheck";
    check.handler = [impl](Call& call) { return impl->check_only(call); };
    router.add(std::move(check));
}

}  // namespace sg::api
