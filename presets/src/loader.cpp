#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <base/file.hpp>
#include <presets/loader.hpp>

#include "decode.hpp"
#include "names.hpp"
#include "overrides.hpp"

namespace sg::presets {

namespace {

constexpr std::size_t kMaxExtends = 8;

bool is_path(const std::string& name) {
    return name.find('/') != std::string::npos || name.ends_with(".yaml") ||
           name.ends_with(".yml") || name.ends_with(".json");
}

std::vector<std::string> library_names() {
    std::vector<std::string> names;
    for (const LibraryEntry& entry : Library::embedded()) names.push_back(entry.name);
    return names;
}

/// Reads presets and follows `extends`. Files may extend files only when the first one came from a
/// file itself.
class Reader {
  public:
    Reader(bool files_allowed, std::vector<Problem>& problems)
        : files_allowed_(files_allowed), problems_(problems) {}

    std::optional<Node> read(const std::string& name, const std::filesystem::path& folder) {
        return read_at(name, folder, Place{std::make_shared<const std::string>(name), 0, 0}, "");
    }

    std::optional<Node> from_text(std::string_view yaml, const std::string& label) {
        return resolve(parse_yaml(yaml, label, problems_), {});
    }

    [[nodiscard]] std::string extends() const { return extends_; }

  private:
    std::optional<Node> read_at(const std::string& name,
                                const std::filesystem::path& folder,
                                const Place& place,
                                const std::string& field) {
        if (is_path(name)) return read_path(name, folder, place, field);
        const auto text = Library::text(name);
        if (!text) {
            Problem problem = problem_at(place, field, no_such(name));
            problem.accepted = library_names();
            problems_.push_back(std::move(problem));
            return std::nullopt;
        }
        if (!enter("library:" + name.substr(0, name.find('@')), place, field)) return std::nullopt;
        return resolve(parse_yaml(*text, "library preset " + name, problems_), {});
    }

    static std::string no_such(const std::string& name) {
        const std::string plain = name.substr(0, name.find('@'));
        const std::vector<std::string> names = library_names();
        const auto found = std::find(names.begin(), names.end(), plain);
        if (found != names.end()) {
            return fmt::format(
                "there is no version \"{}\" of preset {} in the library", name, plain);
        }
        std::string message = fmt::format("there is no preset \"{}\" in the library", name);
        if (const std::string near = nearest(plain, names); !near.empty()) {
            message += "; did you mean " + near + "?";
        }
        return message + " (a file is named with a slash or an ending: ./mine.yaml)";
    }

    std::optional<Node> read_path(const std::string& name,
                                  const std::filesystem::path& folder,
                                  const Place& place,
                                  const std::string& field) {
        if (!files_allowed_) {
            problems_.push_back(problem_at(
                place, field, "a preset that is not a file may extend library presets only"));
            return std::nullopt;
        }
        const std::filesystem::path path = folder / name;
        std::error_code ignored;
        const std::filesystem::path real = std::filesystem::weakly_canonical(path, ignored);
        if (!enter("file:" + real.string(), place, field)) return std::nullopt;
        if (std::filesystem::exists(path, ignored) &&
            !std::filesystem::is_regular_file(path, ignored)) {
            problems_.push_back(problem_at(
                place, field, fmt::format("read preset {}: is not a regular file", path.string())));
            return std::nullopt;
        }
        auto text = read_file(path, kMaxDocumentBytes);
        if (!text) {
            problems_.push_back(
                problem_at(place, field, text.error().within("read preset").message));
            return std::nullopt;
        }
        const bool json = name.ends_with(".json");
        return resolve(json ? parse_json(*text, path.string(), problems_)
                            : parse_yaml(*text, path.string(), problems_),
                       path.parent_path());
    }

    bool enter(const std::string& id, const Place& place, const std::string& field) {
        if (std::find(visited_.begin(), visited_.end(), id) != visited_.end()) {
            problems_.push_back(
                problem_at(place,
                           field,
                           fmt::format("presets extend each other in a circle: {} -> {}",
                                       fmt::join(visited_, " -> "),
                                       id)));
            return false;
        }
        if (visited_.size() >= kMaxExtends) {
            problems_.push_back(problem_at(
                place, field, fmt::format("more than {} presets extend each other", kMaxExtends)));
            return false;
        }
        visited_.push_back(id);
        return true;
    }

    std::optional<Node> resolve(std::optional<Node> root, const std::filesystem::path& folder) {
        if (!root || root->kind != Node::Kind::kMap) return root;
        const Node* const extends = root->find("extends");
        if (extends == nullptr) return root;
        const Place place = extends->place;
        const std::string name = extends->text;
        if (extends->kind != Node::Kind::kScalar || name.empty()) {
            problems_.push_back(problem_at(place, "extends", "must name one preset"));
            return std::nullopt;
        }
        if (extends_.empty()) extends_ = name;
        root->erase("extends");
        auto base = read_at(name, folder, place, "extends");
        if (!base) return std::nullopt;
        if (base->kind != Node::Kind::kMap) {
            problems_.push_back(
                problem_at(place, "extends", fmt::format("\"{}\" is not a preset", name)));
            return std::nullopt;
        }
        for (const char* const own : {"name", "version", "description"}) base->erase(own);
        return merge(std::move(*base), std::move(*root));
    }

    bool files_allowed_;
    std::vector<Problem>& problems_;
    std::vector<std::string> visited_;
    std::string extends_;
};

/// Adds the faults between fields, without those that only echo a fault of a single field.
void add_consistency(const Preset& preset, const Places& places, std::vector<Problem>& problems) {
    const auto decides_others = [](const Problem& problem) {
        return problem.field.ends_with("codec") || problem.field.ends_with("rate_control");
    };
    if (std::any_of(problems.begin(), problems.end(), decides_others)) return;
    std::vector<Problem> found;
    check_consistency(preset, places, found);
    const std::vector<Problem> typed = problems;
    for (Problem& problem : found) {
        const bool echo = std::any_of(typed.begin(), typed.end(), [&](const Problem& other) {
            return !other.field.empty() && problem.field.starts_with(other.field);
        });
        if (!echo) problems.push_back(std::move(problem));
    }
}

/// The one way from a tree to a checked preset.
std::optional<Preset> finish(std::optional<Node> root,
                             const Overrides& overrides,
                             const std::string& extends,
                             std::vector<Problem>& problems) {
    if (!root) return std::nullopt;
    set_overrides(*root, overrides, problems);
    Places places;
    Preset preset = decode(*root, problems, places);
    preset.extends = extends;
    if (root->kind == Node::Kind::kMap) add_consistency(preset, places, problems);
    if (!problems.empty()) return std::nullopt;
    return preset;
}

/// The last line of defence of the promise that nothing is thrown: std::bad_alloc and what third
/// parties add.
template <class F>
auto guarded(std::vector<Problem>& problems, const std::string& label, F&& work)
    -> decltype(work()) {
    try {
        return work();
    } catch (const std::exception& error) {
        problems.push_back(Problem{label, 0, 0, "", error.what(), {}});
        return std::nullopt;
    }
}

Result<Preset> as_result(std::optional<Preset> preset, const std::vector<Problem>& problems) {
    if (preset) return std::move(*preset);
    std::string message = problems.empty() ? "unreadable" : to_string(problems.front());
    if (problems.size() > 1) {
        message += fmt::format(" (and {} more; see streamgate presets check)", problems.size() - 1);
    }
    return Error{Errc::kInvalidArgument, "load preset: " + message};
}

}  // namespace

Result<Preset> load_preset(const std::string& name_or_path, const Overrides& overrides) {
    std::vector<Problem> problems;
    auto preset = guarded(problems, name_or_path, [&] {
        Reader reader(true, problems);
        auto root = reader.read(name_or_path, {});
        return finish(std::move(root), overrides, reader.extends(), problems);
    });
    return as_result(std::move(preset), problems);
}

Result<Preset> preset_from_text(std::string_view yaml,
                                const std::string& label,
                                const Overrides& overrides) {
    std::vector<Problem> problems;
    auto preset = guarded(problems, label, [&] {
        Reader reader(false, problems);
        auto root = reader.from_text(yaml, label);
        return finish(std::move(root), overrides, reader.extends(), problems);
    });
    return as_result(std::move(preset), problems);
}

Result<Preset> preset_from_json(std::string_view json) {
    std::vector<Problem> problems;
    auto preset = guarded(problems, "JSON", [&] {
        return finish(parse_json(json, "preset JSON", problems), {}, "", problems);
    });
    return as_result(std::move(preset), problems);
}

Result<Preset> apply_overrides(const Preset& preset, const Overrides& overrides) {
    std::vector<Problem> problems;
    auto changed = guarded(problems, preset.name, [&] {
        auto root = parse_json(canonical_json(preset), preset.name, problems);
        return finish(std::move(root), overrides, preset.extends, problems);
    });
    return as_result(std::move(changed), problems);
}

std::vector<Problem> check(const std::filesystem::path& path) {
    std::vector<Problem> problems;
    (void)guarded(problems, path.string(), [&] {
        Reader reader(true, problems);
        // A bare name is a file here, never a library preset.
        const std::string name = path.has_parent_path() ? path.string() : "./" + path.string();
        auto root = reader.read(name, {});
        return finish(std::move(root), {}, reader.extends(), problems);
    });
    return problems;
}

std::vector<Problem> check_text(std::string_view yaml,
                                const std::string& label,
                                const Overrides& overrides) {
    std::vector<Problem> problems;
    (void)guarded(problems, label, [&] {
        Reader reader(false, problems);
        auto root = reader.from_text(yaml, label);
        return finish(std::move(root), overrides, reader.extends(), problems);
    });
    return problems;
}

}  // namespace sg::presets
