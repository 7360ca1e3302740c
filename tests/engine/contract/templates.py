"""Chat templates of well-known families, shortened to their structure: what each is known to do is kept.

`expected` is what a model reads of a system text SYS, an example ASK and ANSWER, and the prompt USER.
"""

from typing import NamedTuple

# ruff: noqa: RUF001 - special tokens of DeepSeek are written so


class Family(NamedTuple):
    """A template, how the instruction reaches the model through it, and what the model reads."""

    way: str
    source: str
    expected: str


_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_AS_CHATML = (
    "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\nASK<|im_end|>\n"
    "<|im_start|>assistant\nANSWER<|im_end|>\n<|im_start|>user\nUSER<|im_end|>\n<|im_start|>assistant\n"
)

FAMILIES = {
    "Qwen2.5, with a default system text and tools": Family(
        "chat",
        "{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n' }}{% for tool in tools %}{{- tool | tojson }}"
        "{% endfor %}{%- else %}{%- if messages[0]['role'] == 'system' %}"
        "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
        "{%- else %}{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}{%- endif %}{%- endif %}"
        "{%- for message in messages %}{%- if (message.role == 'user') or (message.role == 'system' and "
        "not loop.first) or (message.role == 'assistant' and not message.tool_calls) %}"
        "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
        "{%- elif message.role == 'assistant' %}{{- message.tool_calls[0].function.arguments | tojson }}"
        "{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        _AS_CHATML,
    ),
    "Qwen3, thinking switched off": Family(
        "chat",
        "{%- set ns = namespace(last=messages|length - 1) %}{%- for message in messages[::-1] %}"
        "{%- set index = (messages|length - 1) - loop.index0 %}"
        "{%- if message.role == 'user' and message.content is string and not "
        "(message.content.startswith('<tool_response>')) %}{%- set ns.last = index %}{%- break %}"
        "{%- endif %}{%- endfor %}{%- for message in messages %}{%- set content = message.content %}"
        "{%- if message.role == 'assistant' and '</think>' in content %}"
        "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
        "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false %}"
        "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}",
        _AS_CHATML + "<think>\n\n</think>\n\n",
    ),
    "Llama 2, system in the first turn by itself": Family(
        "chat",
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}"
        "{% endfor %}",
        "<s>[INST] <<SYS>>\nSYS\n<</SYS>>\n\nASK [/INST] ANSWER </s><s>[INST] USER [/INST]",
    ),
    "Llama 3.2, with a date": Family(
        "chat",
        "{{- bos_token }}{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}"
        "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
        "{%- set date_string = strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}"
        "{%- endif %}{%- endif %}{%- if not tools is defined %}{%- set tools = none %}{%- endif %}"
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}"
        "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = '' %}{%- endif %}"
        "{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
        "{%- if tools is not none %}{{- 'Environment: ipython\\n' }}{%- endif %}"
        "{{- 'Today Date: ' + date_string + '\\n\\n' }}{{- system_message }}{{- '<|eot_id|>' }}"
        "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + "
        "'<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
        "{%- if add_generation_prompt %}"
        "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}",
        "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nSYS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nASK<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nANSWER<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nUSER<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "Mistral 7B v0.1, user and assistant only": Family(
        "folded",
        "{{ bos_token }}{% for message in messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/...') }}{% endif %}"
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token + ' ' }}"
        "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
        "{% endfor %}",
        "<s>[INST] SYS\n\nASK [/INST]ANSWER</s> [INST] USER [/INST]",
    ),
    "Mistral 7B v0.3, system before the last turn": Family(
        "folded",
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
        "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}"
        "{%- if not tools is defined %}{%- set tools = none %}{%- endif %}{{- bos_token }}"
        "{%- for message in loop_messages %}{%- if message['role'] == 'user' %}"
        "{%- if tools is not none %}{{- '[AVAILABLE_TOOLS] [' }}{%- endif %}"
        "{%- if loop.last and system_message is defined %}"
        "{{- '[INST] ' + system_message + '\\n\\n' + message['content'] + '[/INST]' }}"
        "{%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
        "{%- else %}{{- ' ' + message['content']|trim + eos_token }}{%- endif %}{%- endfor %}",
        "<s>[INST] SYS\n\nASK[/INST] ANSWER</s>[INST] USER[/INST]",
    ),
    "Gemma 2, no system role": Family(
        "folded",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
        "{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}",
        "<s><start_of_turn>user\nSYS\n\nASK<end_of_turn>\n<start_of_turn>model\nANSWER<end_of_turn>\n"
        "<start_of_turn>user\nUSER<end_of_turn>\n<start_of_turn>model\n",
    ),
    "Gemma 3, texts or parts": Family(
        "chat",
        "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}"
        "{%- if messages[0]['content'] is string -%}"
        "{%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}{%- else -%}"
        "{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}{%- endif -%}"
        "{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set first_user_prefix = '' -%}"
        "{%- set loop_messages = messages -%}{%- endif -%}{%- for message in loop_messages -%}"
        "{%- if (message['role'] == 'assistant') -%}{%- set role = 'model' -%}{%- else -%}"
        "{%- set role = message['role'] -%}{%- endif -%}"
        "{{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}"
        "{%- if message['content'] is string -%}{{ message['content'] | trim }}"
        "{%- elif message['content'] is iterable -%}{%- for item in message['content'] -%}"
        "{%- if item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}{%- endfor -%}"
        "{%- else -%}{{ raise_exception('Invalid content type') }}{%- endif -%}"
        "{{ '<end_of_turn>\\n' }}{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{'<start_of_turn>model\\n'}}{%- endif -%}",
        "<s><start_of_turn>user\nSYS\n\nASK<end_of_turn>\n<start_of_turn>model\nANSWER<end_of_turn>\n"
        "<start_of_turn>user\nUSER<end_of_turn>\n<start_of_turn>model\n",
    ),
    "Phi-3": Family(
        "chat",
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
        "{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}"
        "{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}"
        "{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
        "<|system|>\nSYS<|end|>\n<|user|>\nASK<|end|>\n<|assistant|>\nANSWER<|end|>\n"
        "<|user|>\nUSER<|end|>\n<|assistant|>\n",
    ),
    "Phi-4, trained with generation tags": Family(
        "chat",
        "{% for message in messages %}{% if (message['role'] == 'assistant') %}"
        "{{'<|im_start|>assistant<|im_sep|>'}}{% generation %}{{message['content'] + '<|im_end|>'}}"
        "{% endgeneration %}{% else %}"
        "{{'<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}",
        "<|im_start|>system<|im_sep|>SYS<|im_end|><|im_start|>user<|im_sep|>ASK<|im_end|>"
        "<|im_start|>assistant<|im_sep|>ANSWER<|im_end|><|im_start|>user<|im_sep|>USER<|im_end|>"
        "<|im_start|>assistant<|im_sep|>",
    ),
    "DeepSeek R1, a system text before all turns": Family(
        "chat",
        "{%- set ns = namespace(is_first=false, system_prompt='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{%- set ns.system_prompt = message['content'] %}{%- endif %}"
        "{%- endfor %}{{- bos_token }}{{- ns.system_prompt }}{%- for message in messages %}"
        "{%- if message['role'] == 'user' %}{{- '<｜User｜>' + message['content'] }}{%- endif %}"
        "{%- if message['role'] == 'assistant' and message['content'] is not none %}"
        "{%- set content = message['content'] %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{- '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{%- endif %}{%- endfor %}"
        "{% if add_generation_prompt %}{{- '<｜Assistant｜><think>\\n' }}{% endif %}",
        "<s>SYS<｜User｜>ASK<｜Assistant｜>ANSWER<｜end▁of▁sentence｜><｜User｜>USER<｜Assistant｜><think>\n",
    ),
    "Command R": Family(
        "chat",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% if system_message != false %}"
        "{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system_message + '<|END_OF_TURN_TOKEN|>' }}"
        "{% endif %}{% for message in loop_messages %}{% set content = message['content'] %}"
        "{% if message['role'] == 'user' %}{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + "
        "'<|END_OF_TURN_TOKEN|>' }}{% elif message['role'] == 'assistant' %}"
        "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}"
        "{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}",
        "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>SYS<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>ASK<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>ANSWER<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>USER<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    ),
    "Granite 3, tools and documents": Family(
        "chat",
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
        "{%- set loop_messages = messages[1:] %}{%- else %}"
        "{%- set system_message = 'Today is ' + strftime_now('%B %d, %Y') + '.' %}"
        "{%- set loop_messages = messages %}{%- endif %}"
        "{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}"
        "{%- if tools is not none %}{{- tools | tojson(indent=4) }}{%- endif %}"
        "{%- if documents is not none %}{{- documents[0].text }}{%- endif %}"
        "{%- for message in loop_messages %}{{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + "
        "message['content'] + '<|end_of_text|>\\n' }}{%- if loop.last and add_generation_prompt %}"
        "{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}{%- endfor %}",
        "<|start_of_role|>system<|end_of_role|>SYS<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>ASK<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>ANSWER<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>USER<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>",
    ),
    "gpt-oss, harmony with macros and a date": Family(
        "chat",
        "{%- macro render_tools(tools) %}{%- for tool in tools %}{{- tool.name | tojson }}{%- endfor %}"
        "{%- endmacro %}{{- '<|start|>system<|message|>Current date: ' + strftime_now('%Y-%m-%d') "
        "+ '<|end|>' }}{%- if messages[0].role == 'developer' or messages[0].role == 'system' %}"
        "{%- set developer_message = messages[0].content %}{%- set loop_messages = messages[1:] %}"
        "{%- else %}{%- set developer_message = '' %}{%- set loop_messages = messages %}{%- endif %}"
        "{%- if developer_message or tools %}{{- '<|start|>developer<|message|># Instructions\\n\\n' }}"
        "{{- developer_message }}{%- if tools -%}{{- render_tools(tools) }}{%- endif -%}{{- '<|end|>' }}"
        "{%- endif %}{%- for message in loop_messages -%}{%- if message.role == 'assistant' -%}"
        "{%- if 'content' in message and '<|channel|>' in message.content %}"
        "{{- raise_exception('You have passed a message containing <|channel|> tags.') }}{%- endif %}"
        "{{- '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|end|>' }}"
        "{%- elif message.role == 'user' -%}"
        "{{- '<|start|>user<|message|>' + message.content + '<|end|>' }}{%- endif -%}{%- endfor -%}"
        "{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}",
        "<|start|>system<|message|>Current date: 2024-07-26<|end|>"
        "<|start|>developer<|message|># Instructions\n\nSYS<|end|><|start|>user<|message|>ASK<|end|>"
        "<|start|>assistant<|channel|>final<|message|>ANSWER<|end|><|start|>user<|message|>USER<|end|>"
        "<|start|>assistant",
    ),
    "SmolLM3, a date, modes and generation tags": Family(
        "chat",
        "{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}"
        "{%- if messages[0].role == 'system' -%}{%- set custom = messages[0].content -%}"
        "{%- if '/no_think' in custom -%}{%- set enable_thinking = false -%}{%- endif -%}{%- endif -%}"
        "{{- '<|im_start|>system\\nToday Date: ' ~ strftime_now('%d %B %Y') ~ '\\n' -}}"
        "{{- 'Reasoning Mode: ' ~ ('/think' if enable_thinking else '/no_think') ~ '\\n\\n' -}}"
        "{{- custom.replace('/no_think', '').rstrip() -}}{{- '<|im_end|>\\n' -}}"
        "{%- for message in messages -%}{%- if message.role == 'user' -%}"
        "{{ '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}"
        "{%- elif message.role == 'assistant' -%}{% generation %}"
        "{{ '<|im_start|>assistant\\n' + message.content.lstrip('\\n') + '<|im_end|>\\n' }}"
        "{% endgeneration %}{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}"
        "{{ '<|im_start|>assistant\\n' ~ ('' if enable_thinking else '<think>\\n\\n</think>\\n') }}"
        "{%- endif -%}",
        "<|im_start|>system\nToday Date: 26 July 2024\nReasoning Mode: /no_think\n\n"
        + _AS_CHATML.removeprefix("<|im_start|>system\n")
        + "<think>\n\n</think>\n",
    ),
    "SmolVLM, lists of parts only": Family(
        "chat",
        "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
        "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
        "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
        "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
        "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
        "<|im_start|>System: SYS<end_of_utterance>\nUser: ASK<end_of_utterance>\n"
        "Assistant: ANSWER<end_of_utterance>\nUser: USER<end_of_utterance>\nAssistant:",
    ),
    "Hermes 3, tools counted where there are some": Family(
        "chat",
        "{%- if tools is defined and tools | length > 0 %}{{- '<tools>' + tools | tojson + '</tools>' }}"
        "{%- endif %}" + _CHATML,
        _AS_CHATML,
    ),
    "OLMo 2, the loop left and continued": Family(
        "chat",
        "{{ bos_token }}{% for message in messages %}{% if not message['content'] %}{% continue %}"
        "{% endif %}{% if message['role'] == 'assistant' and not loop.last %}"
        "{{ '<|assistant|>\\n' + message['content'] + eos_token + '\\n' }}{% else %}"
        "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '\\n' }}{% endif %}"
        "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}",
        "<s><|system|>\nSYS\n<|user|>\nASK\n<|assistant|>\nANSWER</s>\n<|user|>\nUSER\n<|assistant|>\n",
    ),
    "ChatGLM 4": Family(
        "chat",
        "[gMASK]<sop>{% for item in messages %}{% if item['tools'] is defined %}{{ item['tools'] | tojson }}"
        "{% endif %}{% if item['content'] %}<|{{ item['role'] }}|>{{ item['metadata'] }}\n"
        "{{ item['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
        "[gMASK]<sop><|system|>\nSYS<|user|>\nASK<|assistant|>\nANSWER<|user|>\nUSER<|assistant|>",
    ),
    "OpenChat, turns on one line": Family(
        "folded",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
        "{{ raise_exception('no system') }}{% endif %}{{ 'GPT4 Correct ' + message['role'].title() + ': ' + "
        "message['content'] + '<|end_of_turn|>'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'GPT4 Correct Assistant:' }}{% endif %}",
        "<s>GPT4 Correct User: SYS\n\nASK<|end_of_turn|>GPT4 Correct Assistant: ANSWER<|end_of_turn|>"
        "GPT4 Correct User: USER<|end_of_turn|>GPT4 Correct Assistant:",
    ),
    "EXAONE 3.5": Family(
        "chat",
        "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
        "{{ '[|system|][|endofturn|]\\n' }}{% endif %}"
        "{{ '[|' + message['role'] + '|]' + message['content'] }}{% if message['role'] == 'user' %}"
        "{{ '\\n' }}{% else %}{{ '[|endofturn|]\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}",
        "[|system|]SYS[|endofturn|]\n[|user|]ASK\n[|assistant|]ANSWER[|endofturn|]\n[|user|]USER\n"
        "[|assistant|]",
    ),
}
