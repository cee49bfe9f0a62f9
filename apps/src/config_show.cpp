#include <algorithm>

#include <fmt/format.h>

#include "config.hpp"
#include "config_fields.hpp"

namespace sg::apps {
namespace {

/// Addresses lose their password and query, and their path where it may be a stream key: everywhere
/// but over HTTP.
std::string without_secrets(const std::string& text) {
    const auto scheme = text.find("://");
    if (scheme == std::string::npos) return text;
    const auto begin = scheme + 3;
    const auto path = std::min(text.find_first_of("/?#", begin), text.size());
    auto host = text.substr(begin, path - begin);
    if (const auto at = host.rfind('@'); at != std::string::npos) host.erase(0, at + 1);
    const auto end =
        text.starts_with("http") ? std::min(text.find_first_of("?#", path), text.size()) : path;
    return text.substr(0, begin) + host + text.substr(path, end - path) +
           (end + 1 < text.size() ? "(hidden)" : "");
}

/// Writes YAML. Secrets are only said to be there.
class Writer {
  public:
    template <class T, class K>
    void field(const char* key, const T& member, const K& kind, const char*) {
        const auto text = kind.show(member);
        if (!text.empty()) line(key, yaml_scalar(without_secrets(text)));
    }

    void secret(const char* key, const std::string& member, const SecretKind&, const char*) {
        if (!member.empty()) line(key, "(hidden)");
    }

    template <class T, class K>
    void list(
        const char* key, const std::vector<T>& member, const K& kind, std::size_t, const char*) {
        std::string items;
        for (const auto& item : member)
            items += (items.empty() ? "" : ", ") + yaml_scalar(kind.show(item));
        line(key, "[" + items + "]");
    }

    template <class S>
    void section(const char* key, S& member, const char*) {
        Writer inner;
        inner.indent_ = indent_ + 2;
        visit(inner, member);
        if (inner.text_.empty()) return;
        line(key, "");
        text_ += inner.text_;
    }

    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t, const char*) {
        if (member.empty()) {
            line(key, "[]");
            return;
        }
        line(key, "");
        for (auto& item : member) {
            Writer inner;
            inner.indent_ = indent_ + 4;
            visit(inner, item);
            if (inner.text_.empty()) inner.line("{}", "");
            inner.text_[indent_ + 2] = '-';
            text_ += inner.text_;
        }
    }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    void line(const char* key, const std::string& value) {
        text_ += std::string(indent_, ' ') + key + ":" + (value.empty() ? "" : " " + value) + "\n";
    }

    std::string text_;
    std::size_t indent_ = 0;
};

/// Walks the table for its keys alone.
class Keys {
  public:
    template <class T, class K>
    void field(const char* key, const T&, const K&, const char* description) {
        add(key, description);
    }
    void secret(const char* key, const std::string&, const SecretKind&, const char* description) {
        add(key, description);
        add(std::string(key) + "_file", description);
    }
    template <class T, class K>
    void list(
        const char* key, const std::vector<T>&, const K&, std::size_t, const char* description) {
        add(key, description);
    }
    template <class S>
    void section(const char* key, S& member, const char*) {
        below(std::string(key) + ".", listed_, member);
    }
    template <class S>
    void sections(const char* key, std::vector<S>&, std::size_t, const char* description) {
        add(key, description);
        S entry{};
        below(std::string(key) + "[].", true, entry);
    }

    [[nodiscard]] std::vector<ConfigKey> take() { return std::move(keys_); }

  private:
    template <class S>
    void below(const std::string& prefix, bool listed, S& member) {
        const auto outer_path = path_;
        const auto outer_listed = listed_;
        path_ += prefix;
        listed_ = listed;
        visit(*this, member);
        path_ = outer_path;
        listed_ = outer_listed;
    }

    void add(const std::string& key, const char* description) {
        ConfigKey entry{path_ + key, description, {}};
        if (!listed_) {
            entry.variable = "STREAMGATE_";
            for (const char c : entry.path) {
                const bool lower = c >= 'a' && c <= 'z';
                entry.variable += c == '.' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
            }
        }
        keys_.push_back(std::move(entry));
    }

    std::vector<ConfigKey> keys_;
    std::string path_;
    bool listed_ = false;
};

}  // namespace

std::string show_config(const ServeSettings& settings) {
    ConfigDocument document;
    document.serve = settings;
    for (const auto& channel : settings.channels) document.channels.push_back({channel});
    document.templates = settings.templates;
    Writer writer;
    visit(writer, document.serve);
    writer.sections("channels", document.channels, 0, "");
    writer.sections("templates", document.templates, 0, "");
    return writer.text();
}

std::vector<ConfigKey> config_keys() {
    ConfigDocument document;
    Keys keys;
    visit(keys, document);
    return keys.take();
}

}  // namespace sg::apps
