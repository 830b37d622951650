// SPDX-License-Identifier: Apache-2.0
// The form of a configuration as a JSON Schema (draft 2020-12), made of the one description that
// reads and writes it: an editor that is given it completes keys and marks what is wrong.
//
// Whatever the reader takes, the schema takes. The converse holds key by key; what only several
// keys together can be wrong about (strides that rise, a body that has a stride) the reader alone
// sees.
#pragma once

#include <retinue/config/fields.hpp>          // between, a_kind, json
#include <retinue/config/json.hpp>            // describe
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/config/presets.hpp>         // presets

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

namespace detail {

/// What a value must be, where it is one of a vector or an array: each element must be that.
template <class T>
  requires std::is_arithmetic_v<T>
[[nodiscard]] json schema_of(const between& rule, const T&)
{
  json made;
  made["type"] = std::integral<T> ? "integer" : "number";
  if (rule.or_null) made["type"] = json::array({made["type"], "null"});
  made[rule.open ? "exclusiveMinimum" : "minimum"] = rule.least;
  made["maximum"] = rule.most;
  return made;
}
[[nodiscard]] inline json schema_of(const yes_or_no&, bool)
{
  return {{"type", "boolean"}};
}
[[nodiscard]] inline json schema_of(const some_text&, const std::string&)
{
  return {{"type", "string"}, {"minLength", 1}};
}
template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string>
[[nodiscard]] json schema_of(const one_of& rule, const T&)
{
  return {{"enum", rule.words}};
}

/// Whether an alternative of a variant has keys of its own, which depend on the kind.
template <class Kind>
concept has_keys = requires(json_writer& fields, const Kind& kind) { describe(fields, kind); };

/// The kind that there is where other keys depend on it, or else any.
template <class... Kinds>
[[nodiscard]] json schema_of(const a_kind&, const std::variant<Kinds...>& value)
{
  json kinds = json::array();
  if constexpr ((has_keys<Kinds> || ...))
    kinds.push_back(std::visit([](const auto& one) { return one.kind; }, value));
  else
    for_each_alternative<std::variant<Kinds...>>(
        [&](const auto& one) { kinds.push_back(one.kind); });
  return {{"enum", std::move(kinds)}};
}

template <class T, class Rule>
[[nodiscard]] json schema_of(const Rule& rule, const std::vector<T>&)
{
  return {{"type", "array"},
          {"items", schema_of(rule, T())},
          {"minItems", 1},
          {"maxItems", json_reader::longest_list}};
}
template <class T, std::size_t N, class Rule>
[[nodiscard]] json schema_of(const Rule& rule, const std::array<T, N>&)
{
  return {{"type", "array"}, {"items", schema_of(rule, T())}, {"minItems", N}, {"maxItems", N}};
}

/// Writes the schema of one object, as json_writer writes the object.
class schema_writer {
 public:
  json properties = json::object();

  template <class T, class Rule>
  void operator()(std::string_view key, const T& value, const Rule& rule)
  {
    properties[std::string(key)] = schema_of(rule, value);
  }

  template <class Record, class Rule>
  void numbers(std::string_view key, const Record& value, const Rule& rule)
  {
    (*this)(key, listed_numbers(value), rule);
  }

  template <class Describe>
  void group(std::string_view key, const Describe& describe)
  {
    schema_writer inner;
    describe(inner);
    properties[std::string(key)] = inner.object();
  }

  template <class T, class Describe>
  void list(std::string_view key, const std::vector<T>&, const Describe& describe)
  {
    schema_writer inner;
    const T one{};
    describe(inner, one);
    properties[std::string(key)] = {{"type", "array"},
                                    {"items", inner.object()},
                                    {"minItems", 1},
                                    {"maxItems", json_reader::longest_list}};
  }

  [[nodiscard]] json object() const
  {
    return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  }
};

/// The keys of all; what differs may be any of what there is.
[[nodiscard]] inline json any_of(const std::vector<json>& all)
{
  json merged = json::object();
  for (const json& one : all)
    for (const auto& [key, value] : one.items()) {
      json& known = merged[key];
      if (!known.is_array()) known = json::array();
      if (std::find(known.begin(), known.end(), value) == known.end()) known.push_back(value);
    }
  for (auto& [key, values] : merged.items())
    values = values.size() == 1 ? json(values[0]) : json{{"anyOf", values}};
  return merged;
}

}  // namespace detail

/// The schema as text, indented; docs/config.schema.json is this.
[[nodiscard]] inline std::string config_schema()
{
  using detail::json;
  json forms = json::array();
  detail::for_each_alternative<any_form>([&](const auto& form) {
    std::vector<json> described;
    const auto describe_one = [&](const auto& change) {
      network_config config = standard_config(form);
      change(config);
      detail::schema_writer fields;
      detail::describe(fields, std::as_const(config));
      described.push_back(std::move(fields.properties));
    };
    detail::for_each_alternative<any_anchors::one_of>([&](const auto& anchors) {
      describe_one([&](network_config& c) { c.anchors = anchors; });
    });
    detail::for_each_alternative<any_coder::one_of>(
        [&](const auto& coder) { describe_one([&](network_config& c) { c.coder = coder; }); });
    describe_one([&](network_config& c) { c.labels.policy = times_quality<>(); });
    detail::for_each_choice<learning_config>([&](auto learning_config::* choice) {
      const learning_config standard;
      detail::for_each_alternative<std::remove_cvref_t<decltype(standard.*choice)>>(
          [&](const auto& one) {
            describe_one([&](network_config& c) { c.learn.*choice = one; });
          });
    });
    json names = json::array();
    for (const preset& p : presets())
      if (kind_of(p.config) == form.kind) names.push_back(p.name);
    json keys = json::object();
    keys["preset"] = {{"enum", names}};
    keys.update(detail::any_of(described));
    forms.push_back({{"title", form.kind},
                     {"type", "object"},
                     {"properties", std::move(keys)},
                     {"additionalProperties", false}});
  });
  const json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                       {"title", "retinue: what a file of weights does not say about its network"},
                       {"anyOf", std::move(forms)}};
  return schema.dump(2) + "\n";
}

}  // namespace retinue
