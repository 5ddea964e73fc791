"""Small templates, each about one thing that Jinja and Python do; parity with jinja2 is tested on all of them."""
# ruff: noqa: E501

EXPRESSIONS = r"""
s|upper ~ n
none.foo ~ 'x'
none.foo.bar
undefinedx.y
undefinedx|length
undefinedx|tojson
undefinedx + 'a'
'a' + undefinedx
'a' ~ undefinedx
not undefinedx
undefinedx == undefinedy
[1,2][5]
[1,2][-1]
[1,2]['a']
l[1:]|string ~ l[::-1] ~ l[-2:] ~ l[:0] ~ l[5:1]
s[::-1]
s[1:5:2] ~ s[-3:] ~ s[10:2:-3]
s[100]
(1,2)[0:1]
range(5)[1:3]|list
range(3)
range(1,10,3)|list ~ range(5,0,-2)|list
range(1000000)
(1,) ~ () ~ (1,2)
{'a':1,2:3,none:4,true:5}
{'a':1}.items() ~ {'a':1}.keys() ~ {'a':1}.values()
d['items'] ~ d.items() ~ d.get('zz') ~ d.get('zz',3) ~ d['get']
d.a.x ~ d['a']['x'][0]
d|tojson
d|tojson(indent=2)
d|tojson(indent=0)
[]|tojson(indent=2) ~ {}|tojson(indent=2)
d|tojson(sort_keys=true)
d|tojson(separators=(',',':'))
ctl|tojson ~ ctl|tojson(ensure_ascii=true)
ctl|tojson(true)
[big,small,1.0,f,1e300,0.1,123456789.123,1e15,1e-4,1e-5,100000000000000000000]|tojson
[big,small,1.0,f,1e22,0.1,-0.0]
[ctl,s,lines]
['\'','"','\'"','\\']
1/2 ~ 7//2 ~ neg//2 ~ neg%3 ~ 7%neg ~ 7.5//2 ~ -7.5%2 ~ 2**10 ~ 2**-1 ~ 2**0.5
1/0
1%0
1.0//0
n/2 ~ 4/2
1 + true ~ true + true
1 < 2 < 3
1 < 'a'
none < 1
'a' < 'b'
[1,2] < [1,3]
1 == 1.0 ~ (1 == true) ~ ('1' == 1)
1 in [1,2] ~ ('a' in 'abc') ~ ('b' in d) ~ (5 not in l)
1 in 'abc'
'a' in none
none in [none]
undefinedx in [1]
1 in undefinedx
undefinedx in 'abc'
'ab' * 3 ~ 3 * 'ab' ~ [1]*2 ~ (1,)*2
'a' * 1.5
'a' - 'b'
'a' + 1
[1] + (2,)
[1] + [2]
'%s is %d and %05.2f %r %%' % ('x', 3, 2.5, 'q')
'%s' % none
'%s' % [1]
'%s %s' % 'a'
'%d' % 'a'
'%(a)s' % {'a': 1}
'%5s|%-5s|%x|%X|%o|%e|%g|%c' % ('a','b',255,255,8,12345.678,0.0001,'z')
'{} {} {0}'
'{} {}'.format(1, 'a')
'{0} {x} {y[0]} {z.a}'.format(1, x=2, y=[3], z={'a':4})
'{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}|{:x}|{:%}|{!r}'.format('a','b','c',42,3.14159,1234567,255,0.5,'q')
'{{}}'.format()
'{'.format()
s.split() ~ s.split('l') ~ s.split('l',1) ~ s.rsplit('l',1) ~ 'a  b '.split(' ') ~ ' a b  c '.split(none,1) ~ ' a b  c '.rsplit(none,1)
s.split('')
'a,b,c'.split(',')[-1] ~ 'a,b'.split(sep=',', maxsplit=0)
'xxaxx'.strip('x') ~ 'xxaxx'.lstrip('x') ~ 'xxaxx'.rstrip('x') ~ '  a '.strip() ~ ' a'.strip(none)
s.startswith('H') ~ s.startswith(('x','H')) ~ s.endswith(('x"',)) ~ s.startswith('é',1)
s.startswith(1)
s.find('l') ~ s.rfind('l') ~ s.index('l') ~ s.count('l') ~ s.find('zz') ~ 'é'.find('')
s.index('zz')
s.title() ~ s.capitalize() ~ s.swapcase() ~ s.casefold()
"they're bill's friends".title() ~ "they're bill's friends"|title
'a-b'.replace('-','+') ~ 'aaa'.replace('a','b',2) ~ 'ab'.replace('','-')
'12'.isdigit() ~ '²'.isdigit() ~ 'a1'.isalnum() ~ ''.isalpha() ~ 'AB'.isupper() ~ 'a b'.islower() ~ ' '.isspace() ~ '½'.isnumeric()
','.join(ls) ~ ','.join('abc') ~ ls|join(', ') ~ l|join ~ m|join(',', attribute='role')
','.join(l)
lines.splitlines() ~ lines.splitlines(true)
'a=b=c'.partition('=') ~ 'a=b=c'.rpartition('=') ~ 'x'.partition('=')
'5'.zfill(3) ~ '-5'.zfill(4) ~ 'a'.center(4) ~ 'ab'.center(5) ~ 'a'.ljust(3,'.') ~ 'a'.rjust(3)
'abc'.removeprefix('a') ~ 'abc'.removesuffix('c')
'abc'.nope()
none.get('x')
l.append(4)
d.update({})
d.pop('b')
l.count(3) ~ l.index(1)
l|sort ~ ls|sort ~ ls|sort(case_sensitive=true) ~ l|sort(reverse=true) ~ m|sort(attribute='n')|map(attribute='n')|list
[1,'a']|sort
l|first ~ l|last ~ ''|first ~ []|last ~ 'abc'|last
l|min ~ l|max ~ l|sum ~ []|sum ~ m|sum(attribute='n') ~ ls|min
m|map(attribute='role')|list ~ m|map('length')|list ~ ls|map('upper')|join
m|map(attribute='content', default='D')|list
m|selectattr('role','equalto','user')|list|length ~ m|selectattr('content')|list|length ~ m|rejectattr('role','eq','user')|map(attribute='n')|list
m|selectattr('content','defined')|list|length ~ m|selectattr('content','none')|list|length
l|select('odd')|list ~ l|reject('odd')|list ~ l|select('gt',1)|list ~ l|select|list
m|selectattr('role','equalto','user')|length
none|selectattr('a')|list
none|list
none|length
none|join
5|list
m|groupby('role')|map('first')|list
m|groupby('n')|length
l|unique|list ~ ['a','A']|unique|list ~ [1,1.0,true]|unique|list
l|batch(2)|list ~ l|batch(2,'x')|list ~ l|slice(2)|list ~ range(7)|slice(3,'z')|list
l|reverse|list ~ 'abc'|reverse ~ d|reverse|list
d|dictsort ~ {'B':1,'a':2}|dictsort ~ {'B':1,'a':2}|dictsort(true) ~ {'x':2,'y':1}|dictsort(by='value')
{'a':1,2:3}|dictsort
d|items|list
undefinedx|items|list
5|default(1) ~ undefinedx|default('z') ~ ''|default('z') ~ ''|default('z',true) ~ none|default('q') ~ none|d('q',true)
'42'|int ~ '4.7'|int ~ 'x'|int ~ 'x'|int(5) ~ none|int ~ '0x1f'|int(0,16) ~ ' 7 '|int ~ 3.9|int ~ true|int ~ '1_000'|int
undefinedx|int
'4.5'|float ~ 'x'|float ~ 3|float ~ '1e3'|float
2.5|round ~ 3.5|round ~ 2.675|round(2) ~ 2.1|round(0,'ceil') ~ 2.9|round(method='floor') ~ 5|round ~ 1234.5|round(-2) ~ 1234|round(-2)
neg|abs ~ (-2.5)|abs
'a'|abs
'a b c'|title ~ 'a-b (c'|title ~ 'HELLO wORLD'|capitalize
lines|indent ~ lines|indent(2,true) ~ lines|indent(2,blank=true) ~ 'a
b'|indent('> ') ~ 'a
b'|indent(width=1,first=true)
none|indent
'hello world foo'|truncate(8) ~ 'hello world foo'|truncate(8,true) ~ 'hello'|truncate(255) ~ 'hello world foo bar'|truncate(9,false,'..',0)
s|wordcount ~ s|length ~ s|center(40) ~ s|trim('H') ~ ' x '|trim
'<a href="x">&\'</a>'|e ~ '<'|escape|escape ~ '<'|safe
('<'|safe) + '<' + ('>'|e)
'%s-%s'|format('a',1) ~ '%(x)s'|format(x=2)
5|string ~ none|string ~ 1.0|string ~ [1,'a',none,true,1.5]|string
l|tojson|safe ~ s|tojson
n is odd ~ (n is even) ~ (n is divisibleby 7) ~ (n is divisibleby(2)) ~ (n is number) ~ (t is number) ~ (t is integer) ~ (f is float)
s is string ~ (d is mapping) ~ (l is sequence) ~ (d is sequence) ~ (s is iterable) ~ (n is iterable) ~ (undefinedx is iterable) ~ (undefinedx is sequence) ~ (none is none) ~ (t is true) ~ (1 is true) ~ (t is boolean)
undefinedx is defined ~ (d.zz is defined) ~ (d.a is defined) ~ (undefinedx is undefined) ~ (none is defined)
'a' is in 'abc' ~ ('a' is in ['b']) ~ (1 is eq 1) ~ (1 is sameas 1) ~ ('A' is upper) ~ ('a' is lower) ~ (range is callable) ~ ('x' is callable)
'upper' is filter ~ ('nope' is filter) ~ ('odd' is test)
not n is odd
'x' if n else 'y'
'x' if false
('x' if false) is defined
1 if 0 else 2 if 0 else 3
n and s or e
e or none
e and 1
1,2
-n ~ +n ~ -f ~ --n
-s
- 2 ** 2
2 ** 3 ** 2
1 - 2 - 3
'a' ~ 1 + 2 ~ 'b'
10 // 3 * 2
l|length > 2 and 'y'
d.a.x|join(',')|upper
"a" "b" 'c'
'\x41\u00e9\n\t\101'
1_000 ~ 0x1F ~ 0b11 ~ 0o17 ~ 1e3 ~ 1.5e-3 ~ 0
namespace(a=1).a ~ namespace({'b':2}).b ~ namespace().x
namespace(_x=1)
namespace(a=1)
dict(a=1, b=2) ~ dict({'x':1}, y=2) ~ dict([('k',1)])
dict(1)
raise_exception('boom ' ~ n)
raise_exception(1)
strftime_now('%d %b %Y %H:%M:%S %p %I %j %A %B %y %U %W %w %-d %-m %e %f %%')
s.__class__ ~ 'x'
s.__class__.__mro__
''.__class__
lipsum.__globals__
lipsum.__globals__['os'].popen('id')
cycler.__init__.__globals__.os
range.__class__.__base__
caller()
nofunc()
s()
loop
true ~ True ~ none ~ None ~ false
[1, 2, ] ~ {'a': 1, }
{'a': 1}['a'] ~ {'a': 1}.a ~ {'a':1}|length
d.0
l.0 ~ l.1
s.0
d[none]
d[[1]]
{[1]: 2}
[] == () ~ ([1] == [1.0]) ~ ({'a':1} == {'a':1.0})
(1,2) in [(1,2)]
'a'|attr('upper') is defined ~ (d|attr('b')|default('U'))
d.keys()|list ~ d.values()|list|length ~ (d.items()|first)
d.copy().b
s.isprintable()
l|map('nope')|list
l|nope
l is nope
'x' if true else (l|nope)
m|map(attribute='role')|join(',') ~ m|map(attribute='a.b')|list|length
m[0].role ~ m[-1].role ~ m[0]['content']
(m|last).role ~ m|map(attribute='role')|unique|join
loop.index
'a'.join(none)
undefinedx|upper ~ undefinedx|trim ~ undefinedx|join ~ undefinedx|list ~ undefinedx|first
undefinedx|sort
undefinedx[0]
undefinedx()
undefinedx.x is defined
x.y.z is defined
-undefinedx
undefinedx < 1
none + 1
none ~ 1
big ~ ' ' ~ small ~ ' ' ~ 1e100 ~ ' ' ~ 123456789012345678 ~ ' ' ~ 0.1 ~ ' ' ~ 1e15 ~ ' ' ~ 12345678901234567.0 ~ ' ' ~ 5e-324
""".strip().split("\n")

STATEMENTS = [
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{{ loop.cycle('a','b') }}{{ loop.changed(x) }};{% endfor %}",
    "{% for x in none %}a{% else %}b{% endfor %}",
    "{% for x in undefinedx %}a{% else %}b{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }}{% else %}none{% endfor %}",
    "{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in l %}{{ k }}{% endfor %}",
    "{% for (a, b), c in [((1,2),3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for c in 'abc' %}{{ c }}{% endfor %}",
    "{% for x in 5 %}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns }}",
    "{% set d.x = 1 %}",
    "{% set ns._x = 1 %}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% if 0 %}{% set y = 1 %}{% endif %}{{ y is defined }}{% if 1 %}{% set y = 2 %}{% endif %}{{ y }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}",
    "{% set a, b = [1] %}",
    "{% set b %}  x {{ n }} {% endset %}[{{ b }}]{% set c | upper | trim %} x{{ n }}y {% endset %}[{{ c }}]",
    "{% macro f(a, b=2, c=a) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=5) }}|{{ f(1, 2, 3) }}|{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=1) }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}",
    "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in{{ n }}{% endcall %}",
    "{% macro f() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) f() %}{{ a }}+{{ b }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}in{% endcall %}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ g }}{% endmacro %}{% set g = 5 %}{{ f() }}",
    "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}x{% endmacro %}{{ f }}{{ f.name }}{{ f.arguments }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 3 %}{{ a }}{% endwith %}{{ a is defined }}",
    "{% filter upper %}abc{{ s }}{% endfilter %}",
    "{% filter replace('a', 'b')|trim %} abc {% endfilter %}",
    "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}",
    "{% break %}",
    "{% for x in [[1,[2]],[3]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in [[1]] %}{{ loop(x) }}{% endfor %}",
    "{% for x in l %}{% generation %}A{{ x }}{% set q = x %}{% endgeneration %}{{ q is defined }}{% endfor %}",
    "{% generation %}é{{ s }}{% endgeneration %}x{%- generation -%}  y  {%- endgeneration -%} z",
    "{% raw %}{{ x }}{% if %}{% endraw %}",
    "{%- raw -%}  a  {%- endraw -%}  b",
    "{# comment #}x{#- c -#}  y",
    "{% include 'x' %}",
    "{% include 'x' ignore missing %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% block a %}in{{ n }}{% endblock %}",
    "{% nope %}",
    "{% if %}{% endif %}",
    "{{ 1",
    "{{ 1 }",
    "{{ }}",
    "{% for %}{% endfor %}",
    "{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}",
    "{% if 0 %}{{ l|nope }}{% endif %}ok",
    "{% if 0 %}{% for x in l %}{{ l|nope }}{% endfor %}{% endif %}ok",
    "{% if 0 %}{{ x is nope }}{% endif %}ok",
    "{% set x = 'a' if 0 else l|nope %}",
    "{% print n, s %}",
    "{% autoescape false %}a{% endautoescape %}",
    "{% set loop = 1 %}{{ loop }}",
    "{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for i in l %}{{ loop.nope is defined }}{{ loop.changed(i) }}{% endfor %}",
    "{% set ns = namespace(a=[]) %}{% for i in l %}{% set ns.a = ns.a + [i] %}{% endfor %}{{ ns.a }}",
    "{% set c = cycler('a','b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner('-') %}{{ j() }}{{ j() }}",
    "{% for i in range(3) %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% set g = l|map('string') %}{{ g|join }}{{ g|join }}",
    "{{ f() }}{% macro f() %}x{% endmacro %}",
    "{% macro f(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ f(1) }}{{ y is defined }}",
    "{% set messages = [1] %}{{ messages }}",
    "{% for m in m %}{{ m.role }}{% endfor %}{{ m|length }}",
    "{%- if true -%}   a   {%- endif -%}   b",
    "x  {%- set a = 1 %}  y",
    "a",
    "a\r",
    "b\rc",
    "  {{ n }}  {{- n -}}  {{ n }}",
    '{{ "a',
    'b" }}',
    "  {# c #}",
    "{%if true%}a{%endif%}{{n}}",
    "{% set x -%}",
    "{% endset %}[{{ x }}]",
    "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a':{'b':1}} }}",
    "{% for x in l recursive %}{{ x }}{% endfor %}",
    "{% set x = [] %}{% for i in l %}{{ x.append(i) }}{% endfor %}",
    "{% call nope() %}{% endcall %}",
    "{% macro m1() %}{{ m2() }}{% endmacro %}{% macro m2() %}2{% endmacro %}{{ m1() }}",
    "{% for x in l %}{% set x = x * 2 %}{{ x }}{% endfor %}",
    "{% for x in l %}{{ y|default('u') }}{% set y = x %}{% endfor %}",
    "{{ loop.index if loop is defined else 'no' }}",
    "{% set x = s %}{% set x = x ~ 'y' %}{{ x }}",
    "  {% if true %}\n  a\n  {% endif %}\nb",
    "\t{%+ if true %} x {% endif +%}\ny\n",
    "  {# c #}\nx",
    "{% set x -%}\n  a\n{% endset %}[{{ x }}]",
    "a\r\nb\rc",
    "a\n\n",
    "x\n{{ 1 }}\n\n{{ undefinedx.y }}",
    "{{ s\n }}\n{% if 1 %}\n\n  {{ raise_exception('q') }}\n{% endif %}",
    "{% for x in l -%}\n {{ x }}\n{%- endfor %}",
    "{% for x in l %}\n{{ x }}\n{% endfor %}\n",
    "{#- a\n\n -#}\n  b",
    "   {%- raw %}\n x {% endraw %}\n",
    "{% raw -%}\n\n x\n  {% endraw %}y",
    "{% macro f() %}\n  a\n{% endmacro %}\n{{ f() }}",
    "a\n   {% set x = 1 %}   \nb",
    "a\n   {{ 1 }}   \nb",
    "{% if 1 %}\r\nx\r\n{% endif %}\r\n",
    "\n\n{% if 1 %}{% endif %}\n\n",
    "a {%+ if 1 +%}\n b {%+ endif %}\nc",
    "{{ '\n' }}",
    "   \t{% if 1 %}a{% endif %}",
    "x   {% if 1 %}a{% endif %}",
    "{% if 1 %}  {% if 1 %}a{% endif %}{% endif %}",
    "{% if 1 %}\n  {% if 1 %}a{% endif %}{% endif %}",
    "\xa0{% if 1 %}a{% endif %}",
    "{{ 1 -}}\n \n x",
    "{{- 1 }}",
]
